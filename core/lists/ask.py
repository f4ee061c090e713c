"""What a URL asks of a list, checked against the declaration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement
from werkzeug.datastructures import MultiDict

from core import limits
from core.lists import choice
from plugin_sdk.errors import Invalid
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.lists import Column, ListSpec

RESERVED = frozenset({"after", "before", "n", "at", "view", "limit", "mark", "row", "tabs", "csrf_token"})
"""Query words about the place in a list and of its poll, not about what is in it."""
EXACT = _l("已按编号查找，默认时间范围不生效")


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What the URL asks for. ``exact``: an identifier is given, so that default ranges do not apply."""

    shown: Sequence[Column]
    order: str
    sort: Column
    where: Sequence[ColumnElement[bool]]
    values: Mapping[str, str]
    after: str | None
    before: str | None
    limit: int
    exact: bool
    plain: bool
    inclusive: bool = False
    place: Any = None
    """Where to go on, known already: for one who reads all pages while rows come and go."""

    @property
    def descending(self) -> bool:
        return self.order.startswith("-")


def read(ctx: Any, spec: ListSpec, columns: Sequence[Column], args: MultiDict[str, str], *, page: bool) -> Ask:
    """Check the URL. Unknown columns are ignored, so that bookmarks outlive a plugin.

    :param page: a page for people: default ranges apply, unless a row is to be found, and the chosen columns are read
    :raise Invalid: unknown sort key, a limit out of bounds or a filter value that cannot be read
    """
    order = args.get("sort") or spec.sort
    sort = next((c for c in columns if c.key == order.removeprefix("-") and c.sort is not None), None)
    if sort is None:
        raise Invalid(errors=[{"field": "sort", "message": order}])
    values = {f.key: args.get(f.key, "").strip() for f in spec.filters}
    exact = any(values[f.key] for f in spec.filters if f.exact)
    plain = not any(f.key in args for f in spec.filters)
    if page and plain and "at" not in args:
        values |= {f.key: f.default(ctx) for f in spec.filters if f.default}
    return Ask(
        shown=shown_of(columns, args.getlist("col") or (choice.of(ctx, spec.name) if page else ())),
        order=order, sort=sort, where=where_of(ctx, spec, values, args, exact=exact), values=values,
        after=args.get("after"), before=args.get("before"), limit=_limit(spec, args), exact=exact, plain=plain,
    )


def shown_of(columns: Iterable[Column], chosen: Sequence[str]) -> list[Column]:
    """The chosen columns in their chosen order, those that identify always; the default for no choice."""
    columns = list(columns)
    if not {c.key for c in columns} & set(chosen):
        return [c for c in columns if c.fixed or c.default]
    picked = set(chosen)
    place = {key: n for n, key in reversed(list(enumerate(chosen)))}
    unplaced = [c for c in columns if c.fixed and c.key not in place]
    return unplaced + sorted((c for c in columns if c.key in place and (c.fixed or c.key in picked)), key=lambda c: place[c.key])


def where_of(
    ctx: Any, spec: ListSpec, values: Mapping[str, str], args: Mapping[str, str], *, exact: bool
) -> list[ColumnElement[bool]]:
    """:raise Invalid: a value that its filter cannot read"""
    where = []
    for f in spec.filters:
        if (value := values[f.key]) and not (exact and f.default and f.key not in args):
            try:
                where.append(f.where(ctx, value))
            except ValueError as error:
                raise Invalid(errors=[{"field": f.key, "message": value}]) from error
    return where


def _limit(spec: ListSpec, args: Mapping[str, str]) -> int:
    text, most = args.get("limit", ""), limits.current().list_rows
    limit = spec.page_size if not text else int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= limit <= most:
        raise Invalid(errors=[{"field": "limit", "message": f"1 to {most}"}])
    return limit
