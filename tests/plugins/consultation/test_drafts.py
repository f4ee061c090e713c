"""The draft and the claim: what is written is kept, whoever holds the request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from core import clock
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from plugins.consultation import jobs
from plugins.consultation.models import ReportVersion, Request
from tests.conftest import World
from tests.plugins.consultation.test_main_job import WORDS, ask, step


def texts(world: World, request_id: str) -> list[tuple[int, str]]:
    with world.app.app_context(), all_tenants() as db:
        rows = db.execute(
            sa.select(ReportVersion.n, ReportVersion.impression)
            .join(Request, Request.id == ReportVersion.request_id)
            .where(Request.public_id == request_id)
            .order_by(ReportVersion.n)
        )
        return [(n, text) for n, text in rows]


@pytest.mark.feature("S-189")
def test_a_save_names_the_revision_it_began_from_and_a_stale_one_changes_nothing(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    path = f"/requests/{request['id']}/draft"
    assert world.reader.call("PUT", path, {"rev": 0, **WORDS}).get_json()["rev"] == 1
    stale = world.reader.call("PUT", path, {"rev": 0, **WORDS, "impression": "旧"})
    assert (stale.status_code, stale.get_json()["rev"], stale.get_json()["holder"]) == (409, 1, "reader")
    seen = world.reader.call("GET", f"/requests/{request['id']}").get_json()
    assert (seen["draft"]["impression"], seen["version"]) == (WORDS["impression"], 2)


def test_only_the_holder_sees_and_saves_the_draft(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    world.reader.call("PUT", f"/requests/{request['id']}/draft", {"rev": 0, **WORDS})
    other = world.reader2.call("PUT", f"/requests/{request['id']}/draft", {"rev": 1, **WORDS})
    assert (other.status_code, other.get_json()["type"]) == (409, "urn:telerad:problem:claim-not-mine")
    assert "draft" not in world.reader2.call("GET", f"/requests/{request['id']}").get_json()
    assert "draft" not in world.doctor.call("GET", f"/requests/{request['id']}").get_json()


@pytest.mark.feature("S-184")
def test_unlocking_keeps_the_draft_as_a_version_and_the_next_reader_starts_from_it(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    step(world.reader, request, "open")
    world.reader.call("PUT", f"/requests/{request['id']}/draft", {"rev": 0, **WORDS})
    assert step(world.reader, request, "unlock")["label"] == "待接单"
    assert texts(world, request["id"]) == [(1, WORDS["impression"])]
    assert step(world.reader2, request, "accept")["draft"]["findings"] == WORDS["findings"]


def test_a_claim_that_ran_out_is_freed_and_its_draft_kept(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    world.reader.call("PUT", f"/requests/{request['id']}/draft", {"rev": 0, **WORDS})
    clock.shift(timedelta(minutes=29))
    with world.app.app_context():
        jobs.lapse_claims(world.app.house)
    assert world.reader.call("GET", f"/requests/{request['id']}").get_json()["state"] == "ACCEPTED"
    clock.shift(timedelta(minutes=2))
    with world.app.app_context():
        jobs.lapse_claims(world.app.house)
    seen = world.doctor.call("GET", f"/requests/{request['id']}").get_json()
    assert (seen["state"], seen["claim"]) == ("SUBMITTED", None)
    assert texts(world, request["id"]) == [(1, WORDS["impression"])]


def test_renewing_moves_the_end_of_the_hold_only_after_a_key_or_pointer_event(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = ask(world, make_study(world))
    before = step(world.reader, request, "accept")
    clock.shift(timedelta(minutes=10))
    path = f"/requests/{request['id']}/renew"
    idle = world.reader.call("POST", path, {"active": False}).get_json()
    active = world.reader.call("POST", path, {"active": True}).get_json()
    assert idle["claim"]["until"] == before["claim"]["until"]
    assert active["claim"]["until"] > before["claim"]["until"]
    assert active["version"] == before["version"]
    assert world.reader2.call("POST", path, {}).status_code == 409


@pytest.mark.feature("S-211")
def test_without_a_signature_nobody_accepts(world: World, make_study: Callable[..., Study]) -> None:
    from core.accounts.models import Signature

    request = ask(world, make_study(world))
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.delete(Signature).where(Signature.account_id == world.reader.account.id))
    answer = world.reader.call("POST", f"/requests/{request['id']}/accept", {"version": 1})
    assert (answer.status_code, answer.get_json()["detail"]) == (422, "请先上传个人签名，再接单、诊断或审核")


@pytest.mark.feature("S-061")
def test_a_named_reader_alone_may_accept(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world), reader=world.reader2.account.public_id)
    assert world.reader.call("POST", f"/requests/{request['id']}/accept", {"version": 1}).status_code == 409
    assert step(world.reader2, request, "accept")["state"] == "ACCEPTED"


@pytest.mark.feature("S-191")
def test_submitting_alone_needs_both_rights_and_a_connection_that_allows_it(
    world: World, make_study: Callable[..., Study]
) -> None:
    from core.tenancy import settings
    from plugins.consultation.settings import Connection

    request = ask(world, make_study(world))
    step(world.reviewer, request, "accept")
    opened = step(world.reviewer, request, "open")
    with world.app.app_context(), all_tenants(write=True) as db:
        settings.store(db, Connection, world.link.id, by=0, allow_single_sign=False)
    body = {"version": opened["version"], **WORDS}
    assert world.reviewer.call("POST", f"/requests/{request['id']}/submit", body).status_code == 409
    with world.app.app_context(), all_tenants(write=True) as db:
        settings.store(db, Connection, world.link.id, by=0, allow_single_sign=True)
    assert world.reviewer.call("POST", f"/requests/{request['id']}/submit", body).get_json()["state"] == "APPROVED"
    other = ask(world, make_study(world))
    step(world.reader, other, "accept")
    opened = step(world.reader, other, "open")
    assert world.reader.call("POST", f"/requests/{other['id']}/submit", {"version": opened["version"], **WORDS}).status_code == 403


def test_an_open_page_alone_keeps_the_claim_but_not_the_login(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    client = world.reader.browser()
    page = f"/t/{world.group.code}/diagnosis"
    headers = {"X-CSRFToken": client.get(page).get_data(as_text=True).split('name="csrf_token" value="')[1].split('"')[0]}
    clock.shift(timedelta(minutes=20))
    beat = client.post(f"/api/v1/t/{world.group.code}/requests/{request['id']}/renew", json={"active": False}, headers=headers)
    assert beat.status_code == 200
    clock.shift(timedelta(minutes=11))
    assert client.get(page).status_code == 303
