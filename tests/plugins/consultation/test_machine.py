"""The machine, written out again by hand: what each state allows each side, and that nothing else does anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from plugin_sdk.consultation import Event, State
from plugins.consultation.models import Entry, Request
from plugins.consultation.requests.machine import LOOKS, TABLE, label
from tests.conftest import Member, World
from tests.plugins.consultation.test_main_job import WORDS, approved, ask, step

HOSPITAL_MAY = {
    "SUBMITTED": {"withdraw": "WITHDRAWN"},
    "ACCEPTED": {},
    "DIAGNOSING": {},
    "PENDING_REVIEW": {},
    "REVIEWING": {},
    "REVIEW_REJECTED": {},
    "APPROVED": {"confirm": "CONFIRMED", "return_report": "RETURNED_BY_HOSPITAL"},
    "RETURNED_BY_GROUP": {},
    "RETURNED_BY_HOSPITAL": {},
    "CONFIRMED": {"delete_report": "APPROVED", "printed": "CONFIRMED"},
    "WITHDRAWN": {},
}
GROUP_MAY = {
    "SUBMITTED": {"accept": "ACCEPTED", "assign": "ACCEPTED", "return": "RETURNED_BY_GROUP"},
    "ACCEPTED": {"open": "DIAGNOSING", "assign": "ACCEPTED", "unlock": "SUBMITTED"},
    "DIAGNOSING": {
        "send_to_review": "PENDING_REVIEW", "submit": "APPROVED", "assign": "ACCEPTED", "unlock": "SUBMITTED",
    },
    "PENDING_REVIEW": {"start_review": "REVIEWING"},
    "REVIEWING": {"approve": "APPROVED", "reject": "REVIEW_REJECTED", "unlock": "PENDING_REVIEW"},
    "REVIEW_REJECTED": {"open": "DIAGNOSING", "accept": "DIAGNOSING"},
    "APPROVED": {},
    "RETURNED_BY_GROUP": {},
    "RETURNED_BY_HOSPITAL": {"open": "DIAGNOSING", "accept": "DIAGNOSING"},
    "CONFIRMED": {"adjust": "CONFIRMED"},
    "WITHDRAWN": {},
}
HOSPITAL_EVENTS = ("withdraw", "confirm", "return_report", "delete_report", "printed")
GROUP_EVENTS = (
    "accept", "assign", "open", "unlock", "send_to_review", "submit", "start_review", "approve", "reject", "return", "adjust",
)
LABELS = {
    "SUBMITTED": ("待处理", "待接单"),
    "ACCEPTED": ("诊断中", "已接收"),
    "DIAGNOSING": ("诊断中", "诊断中"),
    "PENDING_REVIEW": ("审核中", "待审核"),
    "REVIEWING": ("审核中", "审核中"),
    "REVIEW_REJECTED": ("诊断中", "审核未通过"),
    "APPROVED": ("已审核", "审核通过"),
    "RETURNED_BY_GROUP": ("诊断方退回", "诊断方退回"),
    "RETURNED_BY_HOSPITAL": ("申请方退回", "申请方退回"),
    "CONFIRMED": ("已完成", "已确认"),
    "WITHDRAWN": ("已撤回", "已撤回"),
}
BODY = {"reason": "原因说明", **WORDS}


def force(world: World, request: dict[str, Any], state: str) -> None:
    """Put a request into a state as if its history had led there; the claim belongs to the group's administrator."""
    working = state in ("ACCEPTED", "DIAGNOSING", "REVIEWING")
    holder = world.g_admin.account
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(
            sa.update(Request)
            .where(Request.public_id == request["id"])
            .values(
                state=state, claim_user=holder.id if working else None, claim_name=holder.name if working else "",
                claim_until=sa.func.coalesce(Request.due_at, None) if working else None, reader=holder.id,
                closed_at=Request.requested_at if state in ("RETURNED_BY_GROUP", "CONFIRMED", "WITHDRAWN") else None,
            )
        )


def body_for(world: World, event: str, seen: dict[str, Any]) -> dict[str, Any]:
    body = {"version": seen["version"], **BODY}
    if event == "assign":
        body["reader"] = world.reader2.account.public_id
    if event == "confirm":
        body["sha256"] = (seen.get("report") or {}).get("sha256") or ""
    return body


@pytest.fixture
def fresh(world: World, make_study: Callable[..., Study]) -> Callable[[str], dict[str, Any]]:
    """A request in a state; those after signing have a sealed report."""

    def make(state: str) -> dict[str, Any]:
        signed = state in ("APPROVED", "CONFIRMED", "RETURNED_BY_HOSPITAL")
        request = approved(world, make_study(world)) if signed else ask(world, make_study(world))
        force(world, request, state)
        return request

    return make


@pytest.mark.feature("S-082")
@pytest.mark.feature("S-176")
@pytest.mark.parametrize("state", LABELS)
def test_each_side_reads_its_own_word_for_a_state(state: str) -> None:
    assert (str(label(State(state), "hospital")), str(label(State(state), "group"))) == LABELS[state]
    assert set(LABELS) == {s.value for s in LOOKS}


@pytest.mark.parametrize("state", GROUP_MAY)
def test_a_group_may_do_what_its_states_allow_and_nothing_else(
    world: World, fresh: Callable[[str], dict[str, Any]], state: str
) -> None:
    _try_all(world, world.g_admin, fresh, state, GROUP_MAY[state], GROUP_EVENTS)


@pytest.mark.parametrize("state", HOSPITAL_MAY)
def test_a_hospital_may_do_what_its_states_allow_and_nothing_else(
    world: World, fresh: Callable[[str], dict[str, Any]], state: str
) -> None:
    _try_all(world, world.h_admin, fresh, state, HOSPITAL_MAY[state], HOSPITAL_EVENTS)


def _try_all(
    world: World, member: Member, fresh: Callable[[str], dict[str, Any]], state: str, allowed: dict[str, str],
    events: tuple[str, ...],
) -> None:
    request = fresh(state)
    for event in sorted(set(events) - set(allowed)):
        seen = member.call("GET", f"/requests/{request['id']}").get_json()
        answer = member.call("POST", f"/requests/{request['id']}/{event}", body_for(world, event, seen))
        assert answer.status_code == 409, (state, event, answer.get_json())
        after = member.call("GET", f"/requests/{request['id']}").get_json()
        assert (after["state"], after["version"]) == (state, seen["version"]), (state, event)
    for event, to in allowed.items():
        request = fresh(state)
        seen = member.call("GET", f"/requests/{request['id']}").get_json()
        answer = member.call("POST", f"/requests/{request['id']}/{event}", body_for(world, event, seen))
        assert answer.status_code == 200, (state, event, answer.get_json())
        assert (answer.get_json()["state"], answer.get_json()["version"]) == (to, seen["version"] + 1), (state, event)


def test_events_of_the_other_side_do_not_exist_here(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world))
    for event in HOSPITAL_EVENTS:
        assert world.g_admin.call("POST", f"/requests/{request['id']}/{event}", {"version": 1}).status_code == 404
    for event in GROUP_EVENTS:
        assert world.h_admin.call("POST", f"/requests/{request['id']}/{event}", {"version": 1}).status_code == 404
    for event in ("request", "lapse", "nonsense"):
        assert world.g_admin.call("POST", f"/requests/{request['id']}/{event}", {"version": 1}).status_code == 404


def test_the_table_has_no_move_that_is_not_written_here() -> None:
    written = {(s, e) for m in (HOSPITAL_MAY, GROUP_MAY) for s, events in m.items() for e in events}
    system = {("ACCEPTED", "lapse"), ("DIAGNOSING", "lapse"), ("REVIEWING", "lapse")}
    assert {(s.value, e.value) for s, e in TABLE} == written | system


@pytest.mark.parametrize(
    ("event", "state"), [("return", "SUBMITTED"), ("reject", "REVIEWING"), ("return_report", "APPROVED")]
)
def test_returning_needs_a_reason(world: World, fresh: Callable[[str], dict[str, Any]], event: str, state: str) -> None:
    request = fresh(state)
    member = world.h_admin if event == "return_report" else world.g_admin
    seen = member.call("GET", f"/requests/{request['id']}").get_json()
    for reason in ("", " ", "短"):
        answer = member.call("POST", f"/requests/{request['id']}/{event}", {"version": seen["version"], "reason": reason})
        assert (answer.status_code, answer.get_json()["type"]) == (422, "urn:telerad:problem:reason-required")
    assert member.call("GET", f"/requests/{request['id']}").get_json()["version"] == seen["version"]


def test_an_empty_report_is_not_sent_on(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    opened = step(world.reader, request, "open")
    answer = world.reader.call(
        "POST", f"/requests/{request['id']}/send_to_review", {"version": opened["version"], "findings": "", "impression": "x"}
    )
    assert (answer.status_code, answer.get_json()["type"]) == (422, "urn:telerad:problem:report-empty")


def test_a_stale_version_is_told_what_is_there_now(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    answer = world.reader2.call("POST", f"/requests/{request['id']}/accept", {"version": request["version"]})
    assert answer.status_code == 409
    told = answer.get_json()
    assert (told["type"], told["state"], told["holder"]) == ("urn:telerad:problem:taken", "ACCEPTED", "reader")


def test_an_unknown_state_renders_and_allows_nothing(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world))
    force(world, request, "ON_THE_MOON")
    listed = world.doctor.call("GET", "/requests").get_json()["items"][0]
    assert (listed["state"], listed["label"]) == ("ON_THE_MOON", "未知状态")
    assert world.reader.call("POST", f"/requests/{request['id']}/accept", {"version": request["version"]}).status_code == 409
    page = world.doctor.browser().get(f"/t/{world.hospital.code}/requests?data_id={listed['study']['id']}")
    assert "未知状态" in page.get_data(as_text=True)


@pytest.mark.feature("S-089")
def test_the_history_has_one_entry_per_version(world: World, make_study: Callable[..., Study]) -> None:
    request = approved(world, make_study(world))
    with world.app.app_context(), all_tenants() as db:
        row = db.scalars(sa.select(Request).where(Request.public_id == request["id"])).one()
        versions = db.scalars(sa.select(Entry.version).where(Entry.request_id == row.id).order_by(Entry.version)).all()
    assert versions == list(range(1, row.version + 1))
    assert Event.REQUEST.value == request["history"][0]["event"]
