"""Panels of the statistics pages: what a plugin counts, drawn as a chart and as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
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
    """What a panel shows. The first column names a row, the others hold numbers: each is a series of the chart.

    :param totals: a last line of the table that the chart leaves out, one cell per column; empty for none
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
