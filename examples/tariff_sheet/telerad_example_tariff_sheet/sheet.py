"""The Excel sheet: written from prices, read into prices or into sentences about its rows. Nothing is skipped silently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from plugin_sdk.excel import Cell, Row, Sheet, read
from plugin_sdk.i18n import now as _
from plugin_sdk.money import read_hundredths, yuan

from .pricing import Price

HEADS = ("检查类型", "部位", "普通价（元/部位）", "加急价（元/部位）", "审核份额（%）")
MOST_ROWS, MOST_PART = 500, 60
MODALITY = re.compile(r"[A-Z]{2,4}")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row as it was read: the texts of its five cells, and either a price or what is wrong with it."""

    number: int
    texts: Sequence[str]
    price: Price | None
    problems: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """:param problems: of the sheet as a whole"""

    entries: Sequence[Entry]
    problems: Sequence[str]

    @property
    def wrong(self) -> int:
        return len(self.problems) + sum(len(entry.problems) for entry in self.entries)

    @property
    def prices(self) -> list[Price]:
        return [entry.price for entry in self.entries if entry.price]


def write(prices: Iterable[Price]) -> bytes:
    """A workbook that :func:`parse` reads back; without prices it is the empty sheet."""
    with Sheet("价目表", HEADS) as made:
        for price in prices:
            made.add([price.modality, price.part, Decimal(price.normal) / 100, Decimal(price.urgent) / 100, price.review_percent])
        return made.data()


def parse(data: bytes) -> Parsed:
    """Read a sheet whose columns may stand in any order. :raise Invalid: no workbook, or more than 500 rows"""
    rows = read(data, most=MOST_ROWS + 1)
    if not rows:
        return Parsed(entries=(), problems=[_("表格是空的")])
    named = [cell.text for cell in rows[0].cells]
    if problems := list(_heads(named)):
        return Parsed(entries=(), problems=problems)
    places, seen = [named.index(head) for head in HEADS], dict[tuple[str, str], int]()
    entries = [_entry(row, [row[place] for place in places], seen) for row in rows[1:]]
    whole = [] if ("", "") in seen else [_("缺少检查类型和部位都留空的一行：其他检查按哪个价格收费")]
    return Parsed(entries=entries, problems=whole)


def _heads(named: Sequence[str]) -> Iterator[str]:
    yield from (_("缺少“%(name)s”一列", name=head) for head in HEADS if head not in named)
    yield from (_("“%(name)s”一列有两次", name=head) for head in HEADS if named.count(head) > 1)
    yield from (_("不认识“%(name)s”一列，请删除", name=name) for name in named if name and name not in HEADS)


def _entry(row: Row, cells: Sequence[Cell], seen: dict[tuple[str, str], int]) -> Entry:
    problems = [
        _("%(name)s是公式，请改为数值", name=head) for head, cell in zip(HEADS, cells, strict=True) if cell.formula
    ]
    texts = [cell.text for cell in cells]
    modality, part = texts[0].upper(), texts[1]
    if modality and not MODALITY.fullmatch(modality):
        problems.append(_("检查类型“%(text)s”应为 CT、MR、DR 等，或留空", text=texts[0]))
    if len(part) > MOST_PART:
        problems.append(_("部位超过 %(most)s 个字", most=MOST_PART))
    normal = _fen(HEADS[2], texts[2], problems)
    urgent = normal if not texts[3] else _fen(HEADS[3], texts[3], problems)
    percent = _percent(texts[4], problems)
    if (first := seen.setdefault((modality, part), row.number)) != row.number:
        problems.append(_("与第 %(row)s 行的检查类型和部位相同", row=first))
    good = not problems and normal is not None and urgent is not None and percent is not None
    price = Price(modality=modality, part=part, normal=normal or 0, urgent=urgent or 0, review_percent=percent or 0)
    return Entry(number=row.number, texts=texts, price=price if good else None, problems=problems)


def _fen(name: str, text: str, problems: list[str]) -> int | None:
    if not text:
        problems.append(_("%(name)s没有填写", name=name))
        return None
    try:
        return read_hundredths(text)
    except ValueError:
        problems.append(_("%(name)s“%(text)s”不是金额，请填写元，最多两位小数", name=name, text=text))
        return None


def _percent(text: str, problems: list[str]) -> int | None:
    number = text.removesuffix("%").strip() or "0"
    if number.isascii() and number.isdigit() and int(number) <= 100:
        return int(number)
    problems.append(_("审核份额“%(text)s”应为 0 到 100 的整数", text=text))
    return None


def texts_of(price: Price) -> tuple[str, ...]:
    """A price as the pages show it."""
    return price.modality, price.part, yuan(price.normal), yuan(price.urgent), f"{price.review_percent}%"
