"""A sheet is read row by row, and what is wrong with it is said in words; a price follows from it to the fen."""

from __future__ import annotations

import io

import openpyxl
import pytest

from plugin_sdk.consultation import PartCount, Urgency
from telerad_example_tariff_sheet.pricing import Price, charges, price_of
from telerad_example_tariff_sheet.sheet import HEADS, parse, write

ANY = ["", "", 20, "", 0]


def book(*rows: list[object], heads: list[str] | None = None) -> bytes:
    made = openpyxl.Workbook()
    for row in (heads or list(HEADS), *rows):
        made.active.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def said(*rows: list[object], heads: list[str] | None = None) -> list[str]:
    parsed = parse(book(*rows, heads=heads))
    return [*parsed.problems, *(f"{e.number}: {problem}" for e in parsed.entries for problem in e.problems)]


def test_a_sheet_becomes_prices() -> None:
    parsed = parse(book(["ct", " 胸部 ", 30.5, "45", "30%"], ["MR", "", "1,200.00", "", ""], ANY))
    assert parsed.wrong == 0
    assert parsed.prices == [
        Price(modality="CT", part="胸部", normal=3050, urgent=4500, review_percent=30),
        Price(modality="MR", part="", normal=120000, urgent=120000, review_percent=0),
        Price(modality="", part="", normal=2000, urgent=2000, review_percent=0),
    ]


def test_columns_may_stand_in_any_order() -> None:
    parsed = parse(book([0, "CT", 30, 10, "胸部"], [0, "", 30, 10, ""], heads=[HEADS[4], HEADS[0], HEADS[3], HEADS[2], HEADS[1]]))
    assert parsed.prices[0] == Price(modality="CT", part="胸部", normal=1000, urgent=3000, review_percent=0)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (["CT", "胸部", "", "", 0], "普通价（元/部位）没有填写"),
        (["CT", "胸部", "三十", "", 0], "普通价（元/部位）“三十”不是金额，请填写元，最多两位小数"),
        (["CT", "胸部", 30.123, "", 0], "普通价（元/部位）“30.123”不是金额，请填写元，最多两位小数"),
        (["CT", "胸部", -1, "", 0], "普通价（元/部位）“-1”不是金额，请填写元，最多两位小数"),
        (["CT", "胸部", 30, "x", 0], "加急价（元/部位）“x”不是金额，请填写元，最多两位小数"),
        (["CT", "胸部", 30, "", 101], "审核份额“101”应为 0 到 100 的整数"),
        (["CT", "胸部", 30, "", 0.5], "审核份额“0.5”应为 0 到 100 的整数"),
        (["核磁", "胸部", 30, "", 0], "检查类型“核磁”应为 CT、MR、DR 等，或留空"),
        (["CT", "部" * 61, 30, "", 0], "部位超过 60 个字"),
        (["", "", 30, "", 0], "与第 2 行的检查类型和部位相同"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_at_the_row(row: list[object], words: str) -> None:
    assert said(ANY, row) == [f"3: {words}"]


def test_a_formula_is_never_taken_for_its_value() -> None:
    assert "3: 普通价（元/部位）是公式，请改为数值" in said(ANY, ["CT", "胸部", "=1+1", "", 0])


@pytest.mark.parametrize(
    ("heads", "words"),
    [
        (["检查类型"], "缺少“部位”一列"), ([*HEADS, "备注"], "不认识“备注”一列，请删除"), ([*HEADS, "部位"], "“部位”一列有两次"),
    ],
)
def test_columns_that_do_not_fit_are_named(heads: list[str], words: str) -> None:
    assert words in said(ANY, heads=heads)


def test_a_sheet_must_say_what_everything_else_costs() -> None:
    assert said(["CT", "", 30, "", 0]) == ["缺少检查类型和部位都留空的一行：其他检查按哪个价格收费"]


def test_rows_keep_excels_numbers_and_empty_rows_are_no_rows() -> None:
    assert said(ANY, [], ["CT", "", "x", "", 0])[0].startswith("4: ")


def test_what_is_written_is_read_back() -> None:
    prices = parse(book(["CT", "胸部", 30.05, 45, 30], ANY)).prices
    assert parse(write(prices)).prices == prices
    assert [e.number for e in parse(write(())).entries] == []


CT_CHEST, CHEST, CT, REST = (
    Price(modality=m, part=p, normal=n, urgent=2 * n, review_percent=r)
    for m, p, n, r in (("CT", "胸部", 3333, 30), ("", "胸部", 2500, 0), ("CT", "", 4000, 0), ("", "", 2000, 100))
)


@pytest.mark.parametrize(
    ("modality", "part", "wanted"),
    [
        ("CT", "胸部", CT_CHEST), ("MR", "胸部", CHEST), ("CT", "头部", CT), ("MR", "头部", REST), ("MR/CT", "胸部", CT_CHEST),
        ("ct", "胸部", CT_CHEST), ("", "头部", REST),
    ],
)
def test_the_row_that_says_most_gives_the_price(modality: str, part: str, wanted: Price) -> None:
    assert price_of([REST, CT, CHEST, CT_CHEST], modality, part) == wanted


@pytest.mark.parametrize(
    ("price", "count", "urgency", "shares"),
    [
        (CT_CHEST, 1, Urgency.NORMAL, {"diagnosis": 2334, "review": 999}),
        (CT_CHEST, 3, Urgency.URGENT, {"diagnosis": 13999, "review": 5999}),
        (CT, 2, Urgency.NORMAL, {"diagnosis": 8000}), (REST, 1, Urgency.NORMAL, {"diagnosis": 0, "review": 2000}),
    ],
)
def test_the_two_shares_are_the_price_to_the_fen(price: Price, count: int, urgency: Urgency, shares: dict[str, int]) -> None:
    made = list(charges([price], 7, [PartCount(name=price.part or "头部", count=count)], urgency=urgency, modality="CT"))
    assert {c.share: c.fen for c in made} == shares
    assert {c.tariff_version for c in made} == {7}


def test_a_part_named_twice_is_one_line_of_both() -> None:
    made = list(charges([CT], 1, [PartCount(name="头部", count=1), PartCount(name="头部", count=2)], urgency=Urgency.NORMAL, modality="CT"))
    assert [(c.code, c.fen) for c in made] == [("头部", 12000)]
