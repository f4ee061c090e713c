"""A list as an Excel file: who may, what is in it, what happens when rights or minds change meanwhile."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from core import clock, limits
from core.audit.models import Audit
from core.lists import exports, sheet
from core.lists.models import ListExport
from core.studies.models import Study
from core.tenancy.models import Membership, Role
from core.tenancy.sessions import all_tenants
from core.work.models import Job, Notice
from plugin_sdk import excel
from plugin_sdk.db import db as database
from plugins.consultation.models import Request
from tests.conftest import Member, World, csrf
from tests.plugins.consultation.test_main_job import WORDS, ask
from tests.plugins.consultation.test_pages import confirmed


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three rows a chunk, so that a few rows cross several."""
    monkeypatch.setattr(sheet, "CHUNK", 3)
    yield


def post(member: Member, path: str, **data: Any) -> Any:
    client = member.browser()
    home = f"/t/{member.tenant.code}"
    return client.post(f"{home}{path}", data={"csrf_token": csrf(client, home + "/"), **{k: list(v) if isinstance(v, tuple) else v for k, v in data.items()}})


def start(member: Member, name: str = "requests", *, field: tuple[str, ...] = ("accession_number", "name", "urgency", "requested_at"),
          query: str = "requested_from=", **more: Any) -> Any:
    return post(member, f"/lists/{name}/export", field=field, query=query, **more)


def last(member: Member) -> ListExport:
    with member.app.app_context(), all_tenants() as db:
        return db.scalars(sa.select(ListExport).where(ListExport.account_id == member.account.id).order_by(ListExport.id.desc())).first()


def download(member: Member, public_id: str) -> Any:
    return member.browser().get(f"/t/{member.tenant.code}/exports/{public_id}/file")


def rows(answer: Any) -> list[tuple[Any, ...]]:
    assert answer.status_code == 200, answer.get_data(as_text=True)[:300]
    return list(openpyxl.load_workbook(io.BytesIO(answer.get_data())).active.iter_rows(values_only=True))


@pytest.mark.feature("S-078")
def test_a_doctor_exports_the_chosen_fields_of_all_pages_and_downloads_them(
    world: World, make_study: Callable[..., Study]
) -> None:
    numbers = [f"CT-X{n}" for n in range(8)]
    for number in numbers:
        ask(world, make_study(world, accession=number, name="张三丰"))
    page = world.doctor.browser().get(f"/t/{world.hospital.code}/lists/requests/export?requested_from=").get_data(as_text=True)
    assert "8 条" in page and "脱敏" in page and 'value="requester"' in page
    assert start(world.doctor, field=("name", "accession_number", "urgency"), query="requested_from=&sort=accession_number").status_code == 303
    world.drain()
    made = last(world.doctor)
    assert (made.state, made.done_n, made.total_n) == ("done", 8, 8)
    answer = download(world.doctor, made.public_id)
    assert answer.headers["Cache-Control"] == "no-store"
    assert all(value.isascii() for value in answer.headers.values()), "a server refuses other signs in a header"
    found = rows(answer)
    assert found[0] == ("姓名", "检查编号", "申请类型")
    assert found[1:] == [("张*", number, "普通") for number in numbers]


def test_the_filters_of_the_page_hold_in_the_file(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world, accession="CT-A"), urgency="urgent")
    ask(world, make_study(world, accession="CT-B"))
    start(world.doctor, query="urgency=urgent&requested_from=")
    world.drain()
    assert [r[0] for r in rows(download(world.doctor, last(world.doctor).public_id))[1:]] == ["CT-A"]


def test_the_default_range_of_the_page_is_the_range_of_the_file(world: World, make_study: Callable[..., Study]) -> None:
    old = ask(world, make_study(world, accession="CT-OLD"))["id"]
    ask(world, make_study(world, accession="CT-NEW"))
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.update(Request).where(Request.public_id == old).values(requested_at=clock.now() - timedelta(hours=25)))
    start(world.doctor, query="")
    world.drain()
    assert [r[0] for r in rows(download(world.doctor, last(world.doctor).public_id))[1:]] == ["CT-NEW"]


def test_the_file_is_named_after_the_list_and_its_days() -> None:
    at = clock.now().replace(year=2026, month=11, day=25)
    assert exports.file_name("申请列表", {"requested_from": "2026-11-01T08:00"}, at) == "申请列表_20261101-20261125.xlsx"
    given = {"requested_from": "2026-11-01", "requested_to": "2026-11-07"}
    assert exports.file_name("申请列表", given, at) == "申请列表_20261101-20261107.xlsx"
    assert exports.file_name("申请列表", {"name": "x"}, at) == "申请列表_20261125.xlsx"


def test_its_end_is_a_notice_to_its_owner_and_an_entry_of_the_log(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world))
    start(world.doctor)
    world.drain()
    made = last(world.doctor)
    with world.app.app_context(), all_tenants() as db:
        told = db.scalars(sa.select(Notice).where(Notice.kind == "export.ready", Notice.ref.endswith(made.public_id))).all()
        entry = db.scalars(sa.select(Audit).where(Audit.kind == "list.exported", Audit.ref.endswith(made.public_id))).one()
    assert [n.account_id for n in told] == [world.doctor.account.id]
    assert entry.account_id == world.doctor.account.id
    facts = str(entry.facts)
    assert "requests" in facts and "masked" in facts and "测试" not in facts
    answer = post(world.doctor, f"/notices/{told[0].public_id}/read")
    assert answer.status_code == 303 and made.public_id in answer.headers["Location"]
    page = world.doctor.browser().get(answer.headers["Location"]).get_data(as_text=True)
    assert f"/exports/{made.public_id}/file" in page and made.name in page
    home = world.doctor.browser().get(f"/t/{world.hospital.code}/").get_data(as_text=True)
    assert "列表 申请列表" in home and "列 检查编号、姓名、申请类型、申请时间" in home and "accession_number" not in home


def test_a_colleague_does_not_get_the_file_and_does_not_learn_of_it(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world))
    start(world.doctor)
    world.drain()
    made = last(world.doctor)
    assert download(world.h_admin, made.public_id).status_code == 404
    assert download(world.g_admin, made.public_id).status_code == 404
    assert made.name not in world.h_admin.browser().get(f"/t/{world.hospital.code}/exports").get_data(as_text=True)


def test_who_may_not_export_sees_no_button_and_is_refused(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world))
    for member, may in ((world.technician, False), (world.doctor, True)):
        client = member.browser()
        assert ("导出 Excel" in client.get(f"/t/{world.hospital.code}/requests").get_data(as_text=True)) is may
        assert client.get(f"/t/{world.hospital.code}/lists/requests/export").status_code == (200 if may else 403)
    assert start(world.technician).status_code == 403
    assert post(world.reader, "/lists/diagnosis.pending/export", field="name", query="requested_from=").status_code == 403
    assert post(world.doctor, "/lists/studies/export", field="name", query="uploaded_from=").status_code == 403


@pytest.mark.feature("S-202")
def test_a_reviewer_exports_completed_cases_of_the_group(world: World, make_study: Callable[..., Study]) -> None:
    confirmed(world, make_study(world, pid="P-DONE", name="李四光"))
    fields = ("patient_id", "name", "hospital", "reader", "reviewer", "findings")
    assert start(world.reviewer, "diagnosis.done", field=fields).status_code == 303
    world.drain()
    found = rows(download(world.reviewer, last(world.reviewer).public_id))
    assert found[1] == ("P-DONE", "李*", world.hospital.name, "reader", "reviewer", WORDS["findings"])


def test_whole_names_want_the_right_to_reveal_them(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world, name="王小明"))
    assert start(world.doctor, masked="no").status_code == 303
    world.drain()
    assert rows(download(world.doctor, last(world.doctor).public_id))[1][1] == "王小明"
    assert start(world.h_admin, masked="no").status_code == 303
    _take(world, "doctor", "hospital.study.reveal")
    assert start(world.doctor, masked="no").status_code == 403
    assert 'value="no"' not in world.doctor.browser().get(f"/t/{world.hospital.code}/lists/requests/export").get_data(as_text=True)


def _take(world: World, role: str, code: str) -> None:
    """Take a permission from a role of the hospital."""
    with world.app.app_context(), all_tenants(write=True) as db:
        row = db.scalars(sa.select(Role).where(Role.tenant_id == world.hospital.id, Role.code == role)).one()
        row.permissions = [c for c in row.permissions if c != code]


def test_the_right_is_asked_again_when_the_job_runs(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world))
    start(world.doctor)
    _take(world, "doctor", "hospital.request.export")
    world.drain()
    made = last(world.doctor)
    assert (made.state, made.reason, made.file_id) == ("failed", "forbidden", None)
    assert "没有此操作的权限" in world.doctor.browser().get(f"/t/{world.hospital.code}/exports").get_data(as_text=True)


def test_who_left_meanwhile_gets_no_file(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world))
    start(world.doctor)
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.update(Membership).where(Membership.account_id == world.doctor.account.id).values(left_at=clock.now()))
    world.drain()
    assert (last(world.doctor).state, last(world.doctor).reason) == ("failed", "not-found")


def test_one_export_runs_per_person_and_a_cancelled_one_makes_room(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world))
    assert start(world.doctor).status_code == 303
    second = start(world.doctor)
    assert second.status_code == 409 and "已有一个导出在进行" in second.get_data(as_text=True)
    assert start(world.h_admin).status_code == 303
    first = last(world.doctor)
    assert post(world.doctor, f"/exports/{first.public_id}/cancel").status_code == 303
    assert post(world.doctor, f"/exports/{first.public_id}/cancel").status_code == 409
    world.drain()
    assert last(world.doctor).state == "cancelled" and download(world.doctor, first.public_id).status_code == 410
    assert start(world.doctor).status_code == 303


def test_a_running_export_stops_at_the_next_chunk_when_it_is_cancelled(
    world: World, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(7):
        ask(world, make_study(world))
    start(world.doctor)
    written: list[int] = []
    note = sheet._progress

    def cancel_after_the_first(ctx: Any, row: Any, n: int) -> None:
        if row.account_id == world.doctor.account.id:
            written.append(n)
        with all_tenants(write=True) as db:
            db.execute(sa.update(ListExport).where(ListExport.id == row.id).values(state="cancelled"))
        note(ctx, row, n)

    monkeypatch.setattr(sheet, "_progress", cancel_after_the_first)
    world.drain()
    assert written == [3] and last(world.doctor).file_id is None


@pytest.mark.parametrize("most", [50_000, 5])
def test_rows_that_leave_or_come_while_it_is_written_neither_double_others_nor_pass_the_limit(
    world: World, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    made = [ask(world, make_study(world)) for _ in range(7 if most > 7 else most)]
    note = sheet._progress

    def move(ctx: Any, row: Any, n: int) -> None:
        note(ctx, row, n)
        if n == 3:
            gone = world.doctor.call("POST", f"/requests/{made[-3]['id']}/withdraw", {"version": made[-3]["version"], "reason": "重新检查"})
            assert gone.status_code == 200
            for _ in range(3):
                ask(world, make_study(world))

    with limits.changed(export_rows=most):
        assert start(world.doctor, query="requested_from=&state=SUBMITTED&sort=-requested_at").status_code == 303
        monkeypatch.setattr(sheet, "_progress", move)
        world.drain()
    numbers = [r[0] for r in rows(download(world.doctor, last(world.doctor).public_id))[1:]]
    assert len(numbers) == len(set(numbers)) == len(made)


def test_more_rows_than_a_sheet_may_hold_are_refused_with_the_limit(
    world: World, make_study: Callable[..., Study]
) -> None:
    ask(world, make_study(world))
    ask(world, make_study(world))
    with limits.changed(export_rows=2):
        assert start(world.doctor).status_code == 303
        world.drain()
        ask(world, make_study(world))
        refused = start(world.doctor)
    assert refused.status_code == 422 and "每次最多导出 2 条，请缩小筛选范围" in refused.get_data(as_text=True)


def test_the_limit_is_fifty_thousand() -> None:
    assert limits.Limits().export_rows == exports.most() == 50_000


def test_nothing_is_exported_of_nothing(world: World) -> None:
    refused = start(world.doctor)
    assert refused.status_code == 422 and "没有符合条件的数据" in refused.get_data(as_text=True)


def test_a_file_is_kept_for_its_hours_and_then_taken_away(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world))
    start(world.doctor)
    world.drain()
    made = last(world.doctor)
    clock.shift(timedelta(hours=23))
    assert download(world.doctor, made.public_id).status_code == 200
    clock.shift(timedelta(hours=2))
    assert download(world.doctor, made.public_id).status_code == 410
    with world.app.app_context():
        sheet.sweep(world.app.house)
    assert (last(world.doctor).state, last(world.doctor).file_id) == ("expired", None)


@pytest.mark.parametrize("text", ["=1+1", "\t=cmd|' /C calc'!A0", "@SUM(A1)", "+1", "-1", "440100199001011234", "007"])
def test_text_stays_text_in_the_file(world: World, make_study: Callable[..., Study], text: str) -> None:
    ask(world, make_study(world, name=text, accession="CT-T"))
    start(world.doctor, masked="no")
    world.drain()
    book = openpyxl.load_workbook(io.BytesIO(download(world.doctor, last(world.doctor).public_id).get_data()))
    cell = book.active.cell(2, 2)
    assert (cell.data_type, cell.value.strip()) == ("s", text.strip())


def test_signs_that_a_sheet_cannot_hold_are_left_out() -> None:
    book = openpyxl.Workbook(write_only=True)
    assert excel.text_cell(book.create_sheet(), "a\x00b\x0bc").value == "abc"


def test_a_job_that_runs_twice_makes_one_file(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world))
    start(world.doctor)
    world.drain()
    first = last(world.doctor)
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.update(Job).where(Job.name == "lists.export").values(state="queued", next_at=clock.now(), lease_until=None))
    world.drain()
    with world.app.app_context(), all_tenants() as db:
        told = db.scalars(sa.select(Notice).where(Notice.kind == "export.ready", Notice.ref.endswith(first.public_id))).all()
    assert last(world.doctor).file_id == first.file_id and len(told) == 1


def test_no_reading_transaction_stays_open_between_chunks(
    world: World, make_study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        ask(world, make_study(world))
    start(world.doctor)
    seen: list[int] = []
    note = sheet._progress

    def count_connections(ctx: Any, row: Any, n: int) -> None:
        if row.account_id == world.doctor.account.id:
            seen.append(database.engine.pool.checkedout())
        note(ctx, row, n)

    monkeypatch.setattr(sheet, "_progress", count_connections)
    world.drain()
    assert last(world.doctor).state == "done" and seen == [0, 0]
