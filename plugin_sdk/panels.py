"""Panels of the statistics pages: what a plugin counts, drawn as a chart and as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .types import Ctx

Chart = Literal["bar", "line", "pie", "none"]


@dataclass(frozen=True, kw_only=True)
class Period:
    """Whole days of the tenant's zone, both ends included; ``since`` to ``until`` is the same in UTC, its end excluded."""

    first: date
    last: date
    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class PanelData:
    """What a panel shows. The first column names a row by a text, the others hold finite numbers: each is a series of the chart.

    :param totals: a last line of the table that the chart leaves out, one cell per column, texts too; empty for none
    :raise ValueError: a row too short or long, a cell that no chart could draw, or an unknown chart
    """

    columns: tuple[object, ...]
    rows: tuple[tuple[object, ...], ...]
    chart: Chart = "bar"
    totals: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        if self.chart not in ("bar", "line", "pie", "none"):
            raise ValueError(f"chart {self.chart!r}")
        if any(len(row) != len(self.columns) for row in (*self.rows, *([self.totals] if self.totals else []))):
            raise ValueError("a row has as many cells as there are columns")
        if any(not isinstance(row[0], str) or not all(map(_is_number, row[1:])) for row in self.rows if row):
            raise ValueError("the first cell of a row is a text, the others are finite numbers")
        if not all(isinstance(cell, str) or _is_number(cell) for cell in self.totals):
            raise ValueError("totals are texts and finite numbers")


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float | Decimal) and not isinstance(cell, bool) and isfinite(cell)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One card of the statistics pages.

    :param codes: permissions, one of which shows it; each side holds its own
    :param load: ``(ctx, period) -> PanelData`` or its dotted name; runs whenever the page is drawn, so it counts by an index
    """

    title: object
    codes: tuple[str, ...]
    load: Callable[[Ctx, Period], PanelData] | str


@dataclass(frozen=True, kw_only=True)
class ShownPanel:
    """A panel on a page. ``data`` is ``None`` when its plugin failed."""

    name: str
    title: object
    plugin: object
    data: PanelData | None
