"""What became of a list since it was drawn: the poll of an open page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from core import limits
from core.lists import fetch
from core.lists.ask import read
from core.lists.page import Page
from core.lists.parts import columns_of
from plugin_sdk.ids import fold
from plugin_sdk.lists import ListSpec

SEEN = 100
"""New rows are counted no further; the line then says 99+."""


@dataclass(frozen=True, kw_only=True)
class News:
    """:ivar new: how many rows fit the filters and are younger than the page, as text; empty for none."""

    page: Page
    new: str
    tabs: bool


def look(ctx: Any, spec: ListSpec, args: MultiDict[str, str]) -> News:
    """:param args: the page's own URL, ``mark`` as drawn, ``row`` for each row shown, ``tabs`` for their counts
    :raise Invalid: as the page itself"""
    columns = columns_of(ctx, spec)
    ask = read(ctx, spec, columns, args, page=True)
    shown = [i for i in map(fold, args.getlist("row")[: limits.current().list_rows]) if i]
    rows = fetch.by_ids(ctx, spec, shown) if shown else []
    new = 0
    if mark := fold(args.get("mark", "")):
        new = fetch.newer(ctx, spec, ask, mark, shown, SEEN)
    page = Page(ctx=ctx, spec=spec, ask=ask, columns=columns, rows=rows, more_after=False, more_before=False)
    return News(page=page, new="" if not new else f"{SEEN - 1}+" if new >= SEEN else str(new), tabs="tabs" in args)
