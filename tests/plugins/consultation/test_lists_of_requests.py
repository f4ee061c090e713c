"""The lists of both sides: what is searched, what is shown, what a row offers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import pytest

from core import clock
from core.studies.models import Study
from tests.conftest import World
from tests.desk import Desk, row_of, text_of
from tests.plugins.consultation.test_main_job import approved, ask, step
from tests.plugins.consultation.test_pages import confirmed


def found(page: str) -> set[str]:
    return set(re.findall(r'<tr id="row-([0-9A-Z]{26})"', page))


def heads(page: str) -> list[str]:
    return [text_of(h) for h in re.findall(r"<th [^>]*scope=\"col\".*?</th>|<th scope=\"col\".*?</th>", page, flags=re.DOTALL)]


@pytest.mark.feature("S-075")
@pytest.mark.feature("S-076")
def test_requests_are_searched_by_identifiers_exactly_and_by_names_in_part(
    world: World, make_study: Callable[..., Study]
) -> None:
    one = make_study(world, name="周小明", pid="P-ONE", accession="CT-ONE")
    mine, other = ask(world, one)["id"], ask(world, make_study(world, name="吴大山"))["id"]
    desk = Desk(world.technician)
    assert found(desk.page("/requests")) == {mine, other}
    for query in ("accession_number=CT-ONE", "patient_id=P-ONE", f"data_id={one.public_id}", "name=" + quote("小明")):
        assert found(desk.page(f"/requests?{query}")) == {mine}, query
    for query in ("accession_number=CT-ON", "patient_id=P-", "name=" + quote("小_"), "requester=nobody", "group=" + quote("别的组")):
        assert found(desk.page(f"/requests?{query}")) == set(), query
    assert found(desk.page("/requests?requester=doct")) == {mine, other}
    assert found(desk.page("/requests?group=" + quote(world.group.name[:3]))) == {mine, other}
    tomorrow = (clock.now() + timedelta(days=2)).date()
    assert found(desk.page(f"/requests?requested_from={tomorrow}")) == set()


@pytest.mark.feature("S-077")
@pytest.mark.feature("S-173")
def test_both_lists_start_with_the_last_day(world: World, make_study: Callable[..., Study]) -> None:
    old = ask(world, make_study(world))["id"]
    clock.shift(timedelta(hours=25))
    for member, path in ((world.doctor, "/requests"), (world.reader, "/diagnosis")):
        desk = Desk(member)
        assert found(desk.page(path)) == set()
        assert found(desk.page(f"{path}?requested_from=")) == {old}


@pytest.mark.feature("S-081")
def test_the_request_list_has_the_manuals_columns_in_its_order(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world))
    named = heads(Desk(world.doctor).page("/requests"))
    wanted = ["序号", "检查编号", "病人ID", "姓名", "年龄", "性别", "检查部位", "设备类型", "目标团队", "申请类型", "状态", "申请人", "申请时间", "检查时间", "操作"]
    assert [h for h in named if h in wanted] == wanted


@pytest.mark.feature("S-174")
def test_the_pending_list_has_the_manuals_columns_in_its_order(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world))
    desk = Desk(world.reader)
    named = heads(desk.page("/diagnosis"))
    wanted = ["序号", "病人ID", "姓名", "年龄", "性别", "检查部位", "检查类型", "申请医院", "申请类型", "状态", "处理人", "申请时间", "接单时间", "操作"]
    assert [h for h in named if h in wanted] == wanted
    step(world.reader, request, "accept")
    assert " reader " in row_of(desk.page("/diagnosis"), request["id"])


@pytest.mark.feature("S-200")
def test_the_completed_list_says_who_wrote_who_reviewed_and_when_it_was_confirmed(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = confirmed(world, make_study(world))
    page = Desk(world.reader).page("/diagnosis/done")
    wanted = ["序号", "病人ID", "姓名", "年龄", "性别", "检查部位", "检查类型", "申请医院", "状态", "诊断医生", "审核医生", "确定时间", "接单时间", "操作"]
    assert [h for h in heads(page) if h in wanted] == wanted
    assert "已确认 reader reviewer" in row_of(page, request["id"])
    assert found(Desk(world.reader).page("/diagnosis")) == set()


@pytest.mark.feature("S-172")
@pytest.mark.feature("S-199")
def test_cases_are_searched_by_patient_data_id_and_name(world: World, make_study: Callable[..., Study]) -> None:
    study = make_study(world, name="郑小芳", pid="P-TWO")
    pending, done = ask(world, study)["id"], confirmed(world, make_study(world, name="郑小芳", pid="P-THREE"))
    ask(world, make_study(world))
    desk = Desk(world.reader)
    for query in ("patient_id=P-TWO", f"data_id={study.public_id}", "name=" + quote("郑小")):
        assert found(desk.page(f"/diagnosis?{query}")) == {pending}, query
    for query in ("patient_id=P-THREE", f"data_id={done['study']['id']}", "name=" + quote("小芳")):
        assert found(desk.page(f"/diagnosis/done?{query}")) == {done["id"]}, query


@pytest.mark.feature("S-063")
@pytest.mark.feature("S-175")
def test_urgent_requests_are_marked_and_stand_first_in_the_pending_list(
    world: World, make_study: Callable[..., Study]
) -> None:
    normal, urgent = ask(world, make_study(world)), ask(world, make_study(world), urgency="urgent")
    page = Desk(world.reader).page("/diagnosis")
    assert page.index(f'row-{urgent["id"]}') < page.index(f'row-{normal["id"]}')
    assert f'<tr id="row-{urgent["id"]}" class="urgent' in page and "加急" in row_of(page, urgent["id"])
    assert f'<tr id="row-{normal["id"]}" class=""' in page and "普通" in row_of(page, normal["id"])
    assert found(Desk(world.reader).page("/diagnosis?urgency=urgent")) == {urgent["id"]}
    assert found(Desk(world.reader).page("/diagnosis?modality=MR")) == set()


@pytest.mark.feature("S-097")
def test_a_row_leads_to_its_data_and_offers_what_its_state_allows(
    world: World, make_study: Callable[..., Study]
) -> None:
    study = make_study(world)
    waiting, signed = ask(world, study), approved(world, make_study(world))
    page = Desk(world.doctor).page("/requests")
    assert f"/studies?data_id={study.public_id}" in page
    first = page[page.index(f'row-{waiting["id"]}') :].partition("</tr>")[0]
    assert f'/requests/{waiting["id"]}/ask/withdraw"' in first and "确认报告" not in first
    assert 'aria-disabled="true" tabindex="0" title="当前状态不能执行此操作">退回诊断' in first
    second = page[page.index(f'row-{signed["id"]}') :].partition("</tr>")[0]
    assert f'/requests/{signed["id"]}/content"' in second and "确认报告" in second
    assert f'/requests/{signed["id"]}/ask/return_report"' in second
    technician = Desk(world.technician).page("/requests")
    assert "退回诊断" not in technician and "批量确认" not in technician
