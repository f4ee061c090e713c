"""The start dialog names the fee, line by line; what was shown is what is agreed on."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from core.studies.models import Study
from tests.conftest import World
from tests.desk import Desk, field, text_of
from tests.plugins.billing.conftest import SetTariff


def box(page: str) -> str:
    return page[page.index('id="start-fee"') :]


@pytest.mark.feature("S-061")
def test_the_dialog_shows_each_readers_fee_and_the_price_line_by_line(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world, ((None, "", 8000), (world.reader, "CT", 12050)))
    study, desk = make_study(world), Desk(world.technician)
    page = desk.page(f"/studies/{study.public_id}/request")
    readers = text_of(page[page.index('id="start-readers"') : page.index("重点咨询部位")])
    assert "费用/部位" in readers and "reader 120.50 元" in readers and "reader2 80.00 元" in readers
    assert "胸部 80.00 × 1 80.00 费用合计 80.00 元" in text_of(box(page)) and field(page, "fee") == "8000"
    chosen = {
        "group": world.group.code, "reader": world.reader.account.public_id, "part": ["胸部", "腹部"], "count-腹部": "2",
        "urgency": "urgent",
    }
    part = desk.post(f"/studies/{study.public_id}/request/fee", chosen).get_data(as_text=True)
    assert "<html" not in part and field(part, "fee") == "54225"
    said = text_of(part)
    assert "胸部 120.50 × 1 × 150% 180.75" in said and "腹部 120.50 × 2 × 150% 361.50" in said and "费用合计 542.25 元" in said
    assert "按 reader 的收费标准" in said


def test_without_parts_or_without_a_tariff_no_fee_is_shown(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    study, desk = make_study(world), Desk(world.technician)
    path = f"/studies/{study.public_id}/request"
    assert "费用" not in text_of(desk.page(path)) and field(desk.page(path), "fee") == "0"
    tariff(world)
    assert "费用合计" not in text_of(desk.post(f"{path}/fee", {"group": world.group.code}))


@pytest.mark.feature("S-061")
def test_another_fee_than_the_one_shown_is_named_before_anything_is_submitted(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    tariff(world, ((None, "", 8000),))
    study, desk = make_study(world), Desk(world.doctor)
    path = f"/studies/{study.public_id}/request"
    shown = field(desk.page(path), "fee")
    tariff(world, ((None, "", 123456),))
    form = {"group": world.group.code, "part": "胸部", "purpose": "发热三天", "fee": shown}
    answer = desk.post(path, form)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409 and "费用已变化：原 80.00 元，现 1,234.56 元" in text_of(page)
    assert ">发热三天</textarea>" in page and 'value="胸部" checked' in page and field(page, "fee") == "123456"
    assert world.doctor.call("GET", f"/studies/{study.public_id}").get_json()["status"] == "normal"
    answer = desk.post(path, {**form, "fee": field(page, "fee")})
    assert answer.status_code == 303
    assert world.doctor.call("GET", f"/studies/{study.public_id}").get_json()["status"] == "requested"


def test_a_fee_that_came_up_or_went_away_meanwhile_is_a_changed_one(
    world: World, make_study: Callable[..., Study], tariff: SetTariff
) -> None:
    study, desk = make_study(world), Desk(world.doctor)
    form = {"group": world.group.code, "part": "胸部"}
    tariff(world)
    free = desk.post(f"/studies/{study.public_id}/request", {**form, "fee": "0"})
    assert free.status_code == 409 and "现 100.00 元" in text_of(free)
    dearer = desk.post(f"/studies/{study.public_id}/request", {**form, "fee": "20000"})
    assert dearer.status_code == 409 and "原 200.00 元，现 100.00 元" in text_of(dearer)


def test_the_dialog_of_a_group_whose_billing_fails_says_which_plugin(
    world: World, make_study: Callable[..., Study], tariff: SetTariff, monkeypatch: pytest.MonkeyPatch
) -> None:
    tariff(world)
    study, desk = make_study(world), Desk(world.doctor)
    monkeypatch.setattr("plugins.billing.actions.price", lambda ctx, quote: 1 / 0)
    for answer in (
        desk.get(f"/studies/{study.public_id}/request"),
        desk.post(f"/studies/{study.public_id}/request", {"group": world.group.code, "part": "胸部"}),
    ):
        assert answer.status_code == 503 and re.search("功能插件 billing 暂不可用", text_of(answer))
