"""发起诊断: group, reader, parts, urgency and purpose on one screen; what is wrong is said where it is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from core.studies.models import Study
from core.tenancy import actions as tenancy
from core.tenancy import settings
from core.tenancy.models import TenantLink
from core.tenancy.sessions import all_tenants
from plugins.consultation.settings import Connection
from tests.conftest import World
from tests.desk import Desk, row_of, text_of
from tests.plugins.consultation.test_main_job import ask


def ticked(page: str) -> list[str]:
    return re.findall(r'name="part" value="([^"]+)" checked', page)


def also_connected(world: World, other: World) -> None:
    with world.app.app_context(), all_tenants(write=True) as db:
        tenancy.connect(db, hospital=world.hospital, group=other.group)


@pytest.mark.feature("S-060")
@pytest.mark.feature("S-061")
@pytest.mark.feature("S-062")
def test_the_dialog_offers_groups_readers_and_the_part_that_the_images_name(
    world: World, make_study: Callable[..., Study]
) -> None:
    study = make_study(world, body_part="CHEST")
    page = Desk(world.technician).page(f"/studies/{study.public_id}/request")
    assert world.group.name in page and ticked(page) == ["胸部"]
    names = text_of(page[page.index('id="start-readers"') : page.index("重点咨询部位")])
    for name in ("不指定", "reader", "reader2", "reviewer"):
        assert name in names, name
    assert "费用" not in names
    assert "普通 240 分钟内" in text_of(page) and "加急 30 分钟内" in text_of(page)


@pytest.mark.parametrize(("body_part", "part"), [("BRAIN", ["头部"]), ("LSPINE", ["脊柱"]), ("WHOLEBODY", ["其他"]), ("", [])])
def test_body_parts_of_the_images_tick_the_part_of_the_fixed_list(
    world: World, make_study: Callable[..., Study], body_part: str, part: list[str]
) -> None:
    study = make_study(world, body_part=body_part)
    assert ticked(Desk(world.technician).page(f"/studies/{study.public_id}/request")) == part


@pytest.mark.feature("S-061")
def test_choosing_another_group_shows_its_readers_and_its_promise(
    world: World, make_world: Callable[..., World], make_study: Callable[..., Study]
) -> None:
    other, study = make_world("乙"), make_study(world)
    also_connected(world, other)
    with world.app.app_context(), all_tenants(write=True) as db:
        pair = sa.select(TenantLink).where(
            TenantLink.group_id == other.group.id, TenantLink.hospital_id == world.hospital.id
        )
        link = db.scalars(pair).one()
        settings.store(db, Connection, link.id, by=0, promise_urgent_minutes=15)
    desk = Desk(world.doctor)
    part = desk.page(f"/studies/{study.public_id}/request?group={other.group.code}", HX_Target="fieldset#start-readers")
    assert "<html" not in part
    readers = text_of(part[part.index('id="start-readers"') : part.index("重点咨询部位")])
    assert "reader乙" in readers and "reader2 " not in readers
    assert "加急 15 分钟内" in text_of(part)


@pytest.mark.feature("S-063")
@pytest.mark.feature("S-064")
def test_the_request_is_made_and_its_study_is_found_in_the_list(world: World, make_study: Callable[..., Study]) -> None:
    study, desk = make_study(world), Desk(world.doctor)
    form = {
        "group": world.group.code, "reader": world.reader.account.public_id, "part": ["胸部", "腹部"], "count-胸部": "1",
        "count-腹部": "2", "urgency": "urgent", "purpose": "发热三天",
    }
    answer = desk.post(f"/studies/{study.public_id}/request", form)
    assert answer.headers["Location"].endswith(f"/studies?at={study.public_id}")
    page = desk.follow(answer)
    assert "已提交申请" in page and "已申请" in row_of(page, study.public_id)
    assert re.search(rf'<tr id="row-{study.public_id}" class="[^"]*located', page)
    made = world.reader.call("GET", "/requests").get_json()["items"][0]
    whole = world.reader.call("GET", f"/requests/{made['id']}").get_json()
    assert (whole["urgency"], whole["purpose"], whole["reader"]["name"]) == ("urgent", "发热三天", "reader")
    assert [(p["name"], p["count"]) for p in whole["parts"]] == [("胸部", 1), ("腹部", 2)]
    requests = desk.page("/requests")
    assert "加急" in row_of(requests, made["id"]) and f'<tr id="row-{made["id"]}" class="urgent' in requests


def test_what_is_wrong_is_said_in_the_dialog_and_what_was_typed_stays(
    world: World, make_study: Callable[..., Study]
) -> None:
    study, desk = make_study(world), Desk(world.doctor)
    form = {"group": world.group.code, "urgency": "urgent", "purpose": "发热三天", "reader": world.doctor.account.public_id}
    answer = desk.post(f"/studies/{study.public_id}/request", {**form, "reader": ""}, HX_Target="dialog#dialog", HX_Request="true")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and "<html" not in page
    assert "请至少选择一个咨询部位" in page and ">发热三天</textarea>" in page and 'value="urgent" checked' in page
    stranger = desk.post(f"/studies/{study.public_id}/request", {**form, "part": "胸部"})
    assert stranger.status_code == 422 and "没有此接单人" in text_of(stranger)
    huge = desk.post(f"/studies/{study.public_id}/request", {**form, "reader": "", "part": "胸部", "count-胸部": "100"})
    assert huge.status_code == 422 and "数量 1-99" in text_of(huge)
    nowhere = desk.post(f"/studies/{study.public_id}/request", {"part": "胸部", "purpose": ""})
    assert nowhere.status_code == 422 and "没有与该诊断组对接" in text_of(nowhere)
    assert world.doctor.call("GET", f"/studies/{study.public_id}").get_json()["status"] == "normal"


@pytest.mark.feature("S-060")
def test_a_group_that_pauses_can_be_seen_but_not_chosen(
    world: World, make_world: Callable[..., World], make_study: Callable[..., Study]
) -> None:
    other, study, desk = make_world("停"), make_study(world), Desk(world.doctor)
    also_connected(world, other)
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.update(TenantLink).where(TenantLink.group_id == other.group.id).values(accepting=False))
    page = desk.page(f"/studies/{study.public_id}/request?group={other.group.code}")
    assert re.search(rf'value="{other.group.code}" disabled', page) and "暂停接单" in page
    assert re.search(rf'value="{world.group.code}" checked', page)
    answer = desk.post(f"/studies/{study.public_id}/request", {"group": other.group.code, "part": "胸部"})
    assert answer.status_code == 409 and "与该诊断组的对接未启用或已暂停接单" in text_of(answer)


def test_a_locked_or_requested_study_is_refused_in_a_sentence(world: World, make_study: Callable[..., Study]) -> None:
    desk, form = Desk(world.doctor), {"group": world.group.code, "part": "胸部"}
    locked, twice = make_study(world), make_study(world)
    desk.post(f"/studies/{locked.public_id}/lock")
    answer = desk.post(f"/studies/{locked.public_id}/request", form)
    assert answer.status_code == 409 and "检查已锁定" in text_of(answer)
    ask(world, twice)
    answer = desk.post(f"/studies/{twice.public_id}/request", form)
    assert answer.status_code == 409 and "检查已申请诊断" in text_of(answer)


def test_only_the_hospital_that_has_the_study_may_ask(
    world: World, make_world: Callable[..., World], make_study: Callable[..., Study]
) -> None:
    path = f"/studies/{make_study(world).public_id}/request"
    for member in (make_world("他").doctor, world.reader):
        desk = Desk(member)
        assert desk.get(path).status_code == 404
        assert desk.post(path, {"group": world.group.code, "part": "胸部"}).status_code == 404


@pytest.mark.feature("S-071")
def test_a_requested_study_leads_to_its_request(world: World, make_study: Callable[..., Study]) -> None:
    study, desk = make_study(world), Desk(world.technician)
    page = desk.page(f"/studies/{study.public_id}")
    assert "发起诊断" in page and "查看申请" not in page
    request = ask(world, study)
    page = desk.page(f"/studies/{study.public_id}")
    assert "查看申请" in page and f"/requests/{request['id']}" in page and "发起诊断" not in page
    row = desk.page("/studies")
    assert f"/requests?data_id={study.public_id}" in row
    assert "待处理" in row_of(desk.page(f"/requests?data_id={study.public_id}"), request["id"])


def test_the_workbench_says_how_many_wait_and_leads_there(world: World, make_study: Callable[..., Study]) -> None:
    ask(world, make_study(world))
    ask(world, make_study(world))
    page = text_of(Desk(world.reader).client.get("/"))
    assert "2 待接单" in page and "0 待审核" in page
