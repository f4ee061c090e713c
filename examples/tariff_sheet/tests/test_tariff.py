"""A group uploads, looks, saves; a hospital pays by what it was shown, once."""

from __future__ import annotations

import io
import threading
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from plugin_sdk.capabilities import Billing
from plugin_sdk.consultation import PartCount, RequestView, Urgency
from plugin_sdk.testing import Browser, House
from telerad_example_tariff_sheet import actions, sheet
from telerad_example_tariff_sheet.models import ChargeRow, Tariff
from telerad_example_tariff_sheet.sheet import HEADS

ROOT = "/x/example_tariff_sheet"
CHEST = ["CT", "胸部", 30, 45, 30]
REST = ["", "", 20, "", 0]


def book(*rows: list[Any]) -> bytes:
    made = openpyxl.Workbook()
    for row in (list(HEADS), *rows):
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


@pytest.fixture
def group(house: House) -> Browser:
    return house.person("g_admin").browser()


def page(house: House) -> str:
    return f"{ROOT}/{house.link.public_id}"


def send(house: House, group: Browser, data: bytes, name: str = "价目.xlsx") -> Any:
    return group.post(page(house), {"sheet": (io.BytesIO(data), name)})


def save(house: House, group: Browser, *rows: list[Any]) -> Any:
    """Upload, and save what is shown."""
    shown = send(house, group, book(*rows))
    assert shown.status_code == 303, shown.get_data(as_text=True)
    return group.post(below(house, shown.headers["Location"]))


def below(house: House, location: str) -> str:
    return location.removeprefix("http://localhost").removeprefix(f"/t/{house.group.code}")


def lines(house: House, asked: RequestView, side: str = "group") -> list[tuple[str, str, int]]:
    with (house.at_group if side == "group" else house.at_hospital)(write=False) as ctx:
        billing = ctx.get(Billing)
        assert billing is not None
        return [(line.code, line.share, line.fen) for line in billing.lines(asked.ref)]


def test_the_empty_sheet_has_the_columns_that_are_read(group: Browser) -> None:
    answer = group.get(f"{ROOT}/empty.xlsx")
    shown = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    assert [[cell.value for cell in row] for row in shown.iter_rows()] == [list(HEADS)]


def test_what_was_uploaded_is_shown_before_it_is_saved(house: House, group: Browser) -> None:
    shown = send(house, group, book(CHEST, REST))
    said = group.page(below(house, shown.headers["Location"]))
    assert "尚未保存，现在申请不计费" in said
    assert "保存生效" in said
    assert "尚无价目表" in group.page(page(house))
    assert house.ask(house.study()).agreed is None
    assert group.post(below(house, shown.headers["Location"])).status_code == 303
    assert "第 1 版" in group.page(page(house))


def test_a_second_upload_is_shown_beside_the_prices_in_force(house: House, group: Browser) -> None:
    save(house, group, CHEST, ["MR", "", 80, "", 0], REST)
    shown = send(house, group, book(["CT", "胸部", 35, 45, 30], ["DR", "", 10, "", 0], REST))
    said = group.page(below(house, shown.headers["Location"]))
    for words in ("<del class=\"ink3\">30.00</del> <b>35.00</b>", "新增", "修改", "不变", "删除", "现行的仍是第 1 版"):
        assert words in said


def test_a_sheet_with_mistakes_shows_every_row_with_what_is_wrong_and_changes_nothing(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    answer = send(house, group, book(CHEST, ["MR", "头部", "八十", "", 0], ["核磁", "", 1, "", 200], REST), "错误.xlsx")
    said = answer.get_data(as_text=True)
    assert answer.status_code == 422
    for words in ("错误.xlsx 有 3 处需要修改，没有保存", "八十", "不是金额", "检查类型“核磁”", "审核份额“200”", "胸部"):
        assert words in said
    with house.at_group(write=False) as ctx:
        assert ctx.db.scalar(sa.select(sa.func.count(Tariff.id))) == 1


@pytest.mark.parametrize(("data", "words"), [(b"", "不是可读取的 Excel 文件"), (b"CT,30", "不是可读取的 Excel 文件"), (book(*[REST] * 502), "表格行数过多")])
def test_what_is_no_sheet_is_refused_in_words(house: House, group: Browser, data: bytes, words: str) -> None:
    answer = send(house, group, data)
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)


def test_old_versions_stay_readable_and_come_back_as_a_sheet(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    save(house, group, ["CT", "胸部", 50, "", 0], REST)
    with house.at_group(write=False) as ctx:
        first = ctx.db.scalars(sa.select(Tariff).where(Tariff.version == 1)).one().public_id
    assert "30.00" in group.page(f"{page(house)}/{first}")
    shown = openpyxl.load_workbook(io.BytesIO(group.get(f"{page(house)}/{first}/tariff.xlsx").data)).active
    assert ["CT", "胸部", 30, 45, 30] in [[cell.value for cell in row] for row in shown.iter_rows()]


def test_who_saves_second_is_told_and_nothing_is_overwritten(house: House, group: Browser) -> None:
    mine = below(house, send(house, group, book(["", "", 11, "", 0])).headers["Location"])
    with house.at_group() as ctx:
        link = ctx.links.get(house.link.id)
        actions.save(ctx, link, actions.draft(ctx, link, sheet.parse(book(["", "", 22, "", 0])).prices, file_name="同事.xlsx"))
    answer = group.post(mine)
    assert answer.status_code == 409
    assert "已有人保存了新的价目表" in answer.get_data(as_text=True)
    assert "22.00" in group.page(page(house))
    assert "11.00" in group.page(mine)


def test_a_draft_takes_the_place_of_ones_own_earlier_draft_and_of_nobody_elses(house: House, group: Browser) -> None:
    first = below(house, send(house, group, book(["", "", 11, "", 0])).headers["Location"])
    with house.at_group() as ctx:
        link = ctx.links.get(house.link.id)
        theirs = actions.draft(ctx, link, sheet.parse(book(REST)).prices, file_name="同事.xlsx").public_id
    send(house, group, book(["", "", 12, "", 0]))
    assert [group.get(first).status_code, group.get(f"{page(house)}/{theirs}").status_code] == [404, 200]


def test_saving_twice_saves_once(house: House, group: Browser) -> None:
    shown = below(house, send(house, group, book(REST)).headers["Location"])
    assert [group.post(shown).status_code for _ in range(2)] == [303, 303]
    with house.at_group(write=False) as ctx:
        assert ctx.db.scalars(sa.select(Tariff.version)).all() == [1]


def test_the_price_is_shown_with_the_request_and_charged_once_at_confirmation(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    asked = house.ask(house.study(), parts=[PartCount(name="胸部", count=2), PartCount(name="头部")], urgency=Urgency.URGENT)
    assert asked.agreed is not None
    assert (asked.agreed.provider, asked.agreed.fen) == ("example_tariff_sheet", 9000 + 2000)
    assert lines(house, asked) == []
    house.finish(asked)
    house.work()
    wanted = [("胸部", "diagnosis", 6300), ("胸部", "review", 2700), ("头部", "diagnosis", 2000)]
    assert lines(house, asked) == wanted
    assert lines(house, asked, "hospital") == wanted


def test_a_request_is_charged_by_the_version_it_was_submitted_under(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    asked = house.ask(house.study())
    save(house, group, ["CT", "胸部", 99, "", 0], REST)
    house.finish(asked)
    assert sum(fen for _, _, fen in lines(house, asked)) == 3000
    assert house.ask(house.study()).agreed.fen == 9900  # type: ignore[union-attr]


def confirm(house: House, asked: RequestView, answers: list[int]) -> None:
    doctor, path = house.person("doctor"), f"/requests/{asked.ref.public_id}"
    seen = doctor.call("GET", path).get_json()
    body = {"version": seen["version"], "sha256": seen["report"]["sha256"]}
    answers.append(doctor.call("POST", f"{path}/confirm", body).status_code)


def up_to_confirmation(house: House, asked: RequestView) -> None:
    for who, event, body in (("reader", "accept", {}), ("reader", "open", {}),
                             ("reader", "send_to_review", {"findings": "双肺清晰。", "impression": "未见异常。", "positive": False}),
                             ("reviewer", "start_review", {}), ("reviewer", "approve", {})):
        person, path = house.person(who), f"/requests/{asked.ref.public_id}"
        version = person.call("GET", path).get_json()["version"]
        assert person.call("POST", f"{path}/{event}", {"version": version, **body}).status_code == 200


def test_two_who_confirm_at_once_charge_once(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    asked, answers = house.ask(house.study()), list[int]()
    up_to_confirmation(house, asked)
    threads = [threading.Thread(target=confirm, args=(house, asked, answers)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409, 409, 409]
    assert sum(fen for _, _, fen in lines(house, asked)) == 3000


def test_the_table_itself_takes_no_charge_twice(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    asked = house.ask(house.study())
    house.finish(asked)
    with pytest.raises(sa.exc.IntegrityError), house.at_group() as ctx:
        row = ctx.db.scalars(sa.select(ChargeRow).where(ChargeRow.share == "diagnosis")).one()
        kept = {c.key: getattr(row, c.key) for c in sa.inspect(ChargeRow).columns if c.key not in ("id", "public_id")}
        ctx.db.add(ChargeRow(**kept))


def test_deleting_the_report_takes_the_charge_back_and_the_next_report_is_charged_again(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    asked = house.ask(house.study())
    house.finish(asked)
    doctor, path = house.person("h_admin"), f"/requests/{asked.ref.public_id}"
    seen = doctor.call("GET", path).get_json()
    answer = doctor.call("POST", f"{path}/delete_report", {"version": seen["version"], "reason": "患者信息有误"})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert lines(house, asked) == [("胸部", "diagnosis", 2100), ("胸部", "review", 900), ("胸部", "diagnosis", -2100), ("胸部", "review", -900)]


def test_where_the_bundled_fees_are_chosen_the_sheet_is_not_asked(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    house.choose("billing", "billing")
    asked = house.ask(house.study())
    assert asked.agreed is None
    house.choose("billing", "example_tariff_sheet")
    assert house.ask(house.study()).agreed.provider == "example_tariff_sheet"  # type: ignore[union-attr]


def test_it_is_not_switched_off_while_its_prices_are_agreed_on(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    asked = house.ask(house.study())
    with pytest.raises(Exception, match="refused-by-plugin"):
        house.switch("example_tariff_sheet", on=False)
    house.finish(asked)
    house.switch("example_tariff_sheet", on=False)
    assert house.ask(house.study()).agreed is None


def test_a_hospital_reads_its_own_prices_and_no_draft(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    draft = below(house, send(house, group, book(["", "", 77, "", 0])).headers["Location"])
    doctor = house.person("doctor").browser()
    assert "30.00" in doctor.page(page(house))
    assert "77.00" not in doctor.page(page(house))
    assert doctor.get(draft).status_code == 404
    assert doctor.post(page(house), {"sheet": (io.BytesIO(book(REST)), "x.xlsx")}).status_code == 404


def test_a_reader_does_not_set_prices_and_strangers_see_nothing(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    assert house.person("reader").browser().get(page(house)).status_code == 403
    stranger = house.another().person("g_admin").browser()
    assert stranger.get(page(house)).status_code == 404
    assert "30.00" not in stranger.page(f"{ROOT}/")


def test_each_hospital_has_its_own_prices(house: House, group: Browser) -> None:
    other = house.another()
    save(house, group, CHEST, REST)
    save(other, other.person("g_admin").browser(), ["", "", 5, "", 0])
    assert house.ask(house.study()).agreed.fen == 3000  # type: ignore[union-attr]
    assert other.ask(other.study()).agreed.fen == 500  # type: ignore[union-attr]


def test_who_saved_and_what_was_charged_stands_in_the_log(house: House, group: Browser) -> None:
    save(house, group, CHEST, REST)
    house.finish(house.ask(house.study()))
    said = group.page("/")
    assert "导入价目表" in said
    assert "按价目表计费" in said
