"""放弃我的修改: the text that is given up stays findable for 30 days, for whoever wrote it and nobody else."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from werkzeug.test import TestResponse

from core import clock
from core.audit.models import Audit
from core.studies.models import Study
from core.tenancy.models import Membership, Role
from core.tenancy.sessions import all_tenants
from plugins.consultation import jobs
from plugins.consultation.models import Aside
from plugins.consultation.reports import asides
from plugins.consultation.requests import queries
from tests.conftest import Member, World
from tests.desk import Desk
from tests.plugins.consultation.test_main_job import WORDS, ask, step
from tests.plugins.consultation.test_races import ROUNDS, race
from tests.plugins.consultation.test_report_page import capture

MINE = {"findings": "这里输入的内容", "impression": "未见异常。", "positive": None, "images": []}


def put(member: Member, request: dict[str, Any], text: dict[str, Any] = MINE) -> TestResponse:
    desk = Desk(member)
    token = desk.page("/").split('name="csrf_token" value="')[1].split('"')[0]
    return desk.client.post(
        f"{desk.root}/diagnosis/{request['id']}/report/asides", json=text,
        headers={"X-CSRFToken": token, "Accept": "application/json"},
    )


def kept(member: Member, request: dict[str, Any]) -> list[str]:
    """Findings of what the member's own workspace offers, in its order."""
    page = Desk(member).page(f"/diagnosis/{request['id']}/report")
    found = re.search(r'data-page="([^"]*)"', page)
    assert found is not None
    return [one["findings"] for one in json.loads(html.unescape(found[1]))["asides"]]


def rows(request: dict[str, Any], world: World) -> int:
    with world.app.app_context(), all_tenants() as db:
        asked = sa.select(sa.func.count()).where(Aside.group_id == world.group.id, Aside.request_id == _id(db, request))
        return int(db.scalar(asked) or 0)


def _id(db: Any, request: dict[str, Any]) -> int:
    return int(db.scalar(sa.text("SELECT id FROM consultation_request WHERE public_id = :id"), {"id": request["id"]}))


def accepted(world: World, make_study: Callable[..., Study]) -> dict[str, Any]:
    return step(world.reader, ask(world, make_study(world)), "accept")


def test_a_text_given_up_is_there_for_its_writer_alone(world: World, make_study: Callable[..., Study]) -> None:
    request = accepted(world, make_study)
    answer = put(world.reader, request)
    assert answer.status_code == 200
    assert {k: answer.get_json()["aside"][k] for k in MINE} == MINE
    assert kept(world.reader, request) == [MINE["findings"]]
    assert kept(world.reader2, request) == kept(world.g_admin, request) == []


def test_the_hospital_reaches_neither_the_route_nor_the_text(world: World, make_study: Callable[..., Study]) -> None:
    request = accepted(world, make_study)
    put(world.reader, request)
    assert put(world.doctor, request, {**MINE, "findings": "医院写的"}).status_code in (403, 404)
    seen = [
        Desk(world.doctor).page(f"/requests/{request['id']}/content"),
        json.dumps(world.doctor.call("GET", f"/requests/{request['id']}").get_json(), ensure_ascii=False),
    ]
    assert not any(MINE["findings"] in text for text in seen)
    assert rows(request, world) == 1


def test_somebody_who_belongs_to_both_sides_finds_the_text_in_the_group_only(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = accepted(world, make_study)
    put(world.reader, request)
    with world.app.app_context(), all_tenants(write=True) as db:
        role = db.scalars(sa.select(Role).where(Role.tenant_id == world.hospital.id, Role.code == "admin")).one()
        db.add(Membership(tenant_id=world.hospital.id, account_id=world.reader.account.id, role_id=role.id, joined_at=clock.now()))
    with world.app.app_context():
        for tenant, count in ((world.group, 1), (world.hospital, 0)):
            ctx = world.app.house.member_ctx(tenant, world.reader.account, write=False)
            assert len(asides.of_request(ctx, queries.ref_or_404(ctx, request["id"]))) == count
            ctx.close()


def test_it_is_kept_after_the_claim_was_taken_back(world: World, make_study: Callable[..., Study]) -> None:
    request = accepted(world, make_study)
    step(world.g_admin, request, "unlock")
    step(world.reader2, request, "accept")
    assert put(world.reader, request).status_code == 200
    assert kept(world.reader, request) == [MINE["findings"]]


def test_without_a_right_to_reports_nothing_is_kept(world: World, make_study: Callable[..., Study]) -> None:
    request = accepted(world, make_study)
    with world.app.app_context(), all_tenants(write=True) as db:
        none = Role(tenant_id=world.group.id, code="none", name="none", permissions=["group.home.view", "group.request.list"])
        db.add(none)
        db.flush()
        db.execute(sa.update(Membership).where(Membership.account_id == world.reader2.account.id).values(role_id=none.id))
    assert put(world.reader2, request).status_code == 403
    assert rows(request, world) == 0


def test_the_same_text_twice_is_one_row_kept_from_the_last_time_on(world: World, make_study: Callable[..., Study]) -> None:
    request = accepted(world, make_study)
    first = put(world.reader, request).get_json()["aside"]
    clock.shift(timedelta(days=20))
    assert put(world.reader, request, {**MINE, "findings": MINE["findings"] + "。"}).status_code == 200
    again = put(world.reader, request).get_json()["aside"]
    assert again["id"] == first["id"] and again["at"] > first["at"]
    assert kept(world.reader, request) == [MINE["findings"], MINE["findings"] + "。"]
    clock.shift(timedelta(days=20))
    assert len(kept(world.reader, request)) == 2


def test_the_same_text_sent_twice_at_once_is_one_row(world: World, make_study: Callable[..., Study]) -> None:
    requests = [accepted(world, make_study) for _ in range(ROUNDS)]
    calls = [
        {"path": f"/t/{world.group.code}/diagnosis/{r['id']}/report/asides", "method": "POST", "body": MINE} for r in requests
    ]
    ours, theirs = race(world, [(world.reader, calls), (world.reader, calls)])
    for request, a, b in zip(requests, ours, theirs, strict=True):
        assert (a["status"], b["status"], a["body"]["aside"]["id"]) == (200, 200, b["body"]["aside"]["id"])
        assert rows(request, world) == 1


def test_no_text_and_what_the_draft_has_anyway_keep_nothing(world: World, make_study: Callable[..., Study]) -> None:
    request = accepted(world, make_study)
    world.reader.call("PUT", f"/requests/{request['id']}/draft", {"rev": 0, **WORDS})
    for text in ({}, {"findings": " \n"}, WORDS):
        assert put(world.reader, request, text).get_json() == {"aside": None}
    assert rows(request, world) == 0


def test_a_text_that_no_draft_could_hold_is_refused(world: World, make_study: Callable[..., Study]) -> None:
    request, other = accepted(world, make_study), accepted(world, make_study)
    foreign = capture(world.reader, other, "别的检查")
    for text in ({**MINE, "findings": "长" * 20_001}, {**MINE, "images": [foreign]}, {**MINE, "images": ["x"]}):
        assert put(world.reader, request, text).status_code == 422
    own = capture(world.reader, request, "轴位")
    assert put(world.reader, request, {**MINE, "images": [own]}).get_json()["aside"]["images"] == [own]
    assert rows(request, world) == 1


def test_after_thirty_days_it_is_gone_from_the_page_and_by_night_from_the_table(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = accepted(world, make_study)
    put(world.reader, request)
    clock.shift(timedelta(days=29, hours=23))
    put(world.reader, request, {**MINE, "findings": "第二次"})
    with world.app.app_context():
        jobs.sweep(world.app.house)
    assert (kept(world.reader, request), rows(request, world)) == (["第二次", MINE["findings"]], 2)
    clock.shift(timedelta(hours=1, minutes=1))
    assert (kept(world.reader, request), rows(request, world)) == (["第二次"], 2)
    with world.app.app_context():
        jobs.sweep(world.app.house)
    assert rows(request, world) == 1


def test_of_more_than_twenty_the_oldest_goes(world: World, make_study: Callable[..., Study]) -> None:
    request = accepted(world, make_study)
    put(world.reader2, request, {**MINE, "findings": "同事的"})
    with world.app.app_context():
        for n in range(asides.MOST + 1):
            clock.shift(timedelta(seconds=1))
            ctx = world.reader.ctx()
            asides.keep(ctx, queries.ref_or_404(ctx, request["id"]), asides.Text(findings=f"第{n}次"))
            ctx.commit()
            ctx.close()
    assert kept(world.reader, request) == [f"第{n}次" for n in range(asides.MOST, 0, -1)]
    assert kept(world.reader2, request) == ["同事的"]


def test_the_log_says_that_a_text_was_given_up_and_nothing_of_it(world: World, make_study: Callable[..., Study]) -> None:
    request = accepted(world, make_study)
    put(world.reader, request)
    with world.app.app_context(), all_tenants() as db:
        entries = db.scalars(sa.select(Audit).where(Audit.tenant_id == world.group.id, Audit.kind == "draft.discarded")).all()
    assert [(e.account_id, e.ref) for e in entries] == [(world.reader.account.id, f"consultation:request:{request['id']}")]
    assert not any(MINE["findings"] in repr(vars(e)) for e in entries)


def test_a_draft_that_is_replaced_knowingly_is_kept_for_whoever_replaced_it(world: World, make_study: Callable[..., Study]) -> None:
    request = accepted(world, make_study)
    url = f"/requests/{request['id']}/draft"
    there = world.reader.call("PUT", url, {"rev": 0, **MINE, "findings": "别处写的"}).get_json()
    stale = world.reader.call("PUT", url, {"rev": there["rev"] - 1, **MINE, "keep_replaced": True})
    assert stale.status_code == 409 and kept(world.reader, request) == []
    mine = world.reader.call("PUT", url, {"rev": there["rev"], **MINE, "keep_replaced": True})
    assert mine.status_code == 200 and kept(world.reader, request) == ["别处写的"]
    assert world.reader.call("PUT", url, {"rev": mine.get_json()["rev"], **MINE, "findings": "继续写"}).status_code == 200
    assert kept(world.reader, request) == ["别处写的"]
