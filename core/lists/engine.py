"""From a URL to one page of a list: what is asked, which rows, where the neighbours are.

Keyset paging: ordered by (sort, pk), one row more than shown, no count. The cursor is the last row's public id; its
sort value is read back in scope, so that no name travels and no type needs parsing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from flask import g, jsonify, make_response, render_template, request
from sqlalchemy import ColumnElement, literal, tuple_
from werkzeug.datastructures import MultiDict

from core import limits
from core.lists import choice
from core.lists.actions import ActionView, actions_of, many_of
from plugin_sdk.errors import Invalid
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.lists import Column, Filter, ListSpec
from plugin_sdk.types import Badge

UNAVAILABLE = _l("暂不可用")
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What the URL asks for, checked against the declaration."""

    shown: Sequence[Column]
    order: str
    sort: Column
    where: Sequence[ColumnElement[bool]]
    values: Mapping[str, str]
    after: str | None
    before: str | None
    limit: int
    exact: bool
    inclusive: bool = False

    @property
    def descending(self) -> bool:
        return self.order.startswith("-")


@dataclass
class Page:
    """One page, ready to draw or to serialise."""

    ctx: Any
    spec: ListSpec
    ask: Ask
    columns: Sequence[Column]
    rows: Sequence[Any]
    more_after: bool
    more_before: bool

    @cached_property
    def keys(self) -> Mapping[int, Any]:
        return {id(row): self.spec.key(row) for row in self.rows}

    @cached_property
    def loaded(self) -> Mapping[str, Mapping[int, object]]:
        """Values of shown columns that load: one query each."""
        keys = list(self.keys.values())
        return {c.key: self._load(c, keys) for c in self.ask.shown if c.load}

    def _load(self, column: Column, keys: Sequence[Any]) -> Mapping[int, object]:
        """A plugin's column that fails says so in its cells and leaves the list standing; core's own may not fail."""
        assert column.load is not None
        if column in self.spec.columns:
            return column.load(self.ctx, keys)
        try:
            return column.load(self.ctx, keys)
        except Exception:  # foreign code: the list stays
            log.exception("column failed", extra={"place": f"{self.spec.name}:{column.key}"})
            return dict.fromkeys((k.id for k in keys), UNAVAILABLE)

    @cached_property
    def all_badges(self) -> Mapping[int, Sequence[Badge]]:
        own = dict(self.spec.badges(self.ctx, self.rows)) if self.spec.badges else {}
        house = self.ctx.app.plugins.house
        for owner, declared in house.by_owner.items():
            if owner != "core" and owner not in self.ctx.enabled:
                continue
            for name, _, dotted in declared.badge_loaders:
                if name == self.spec.name:
                    for row_id, badges in self._load_badges(owner, dotted).items():
                        own[row_id] = [*own.get(row_id, ()), *badges]
        return own

    def _load_badges(self, owner: str, dotted: str) -> Mapping[int, Sequence[Badge]]:
        keys = list(self.keys.values())
        try:
            found: Mapping[int, Sequence[Badge]] = self.ctx.app.resolve(dotted)(self.ctx, keys)
        except Exception:  # foreign code: the list stays, and says whose markers are missing
            log.exception("badges failed", extra={"plugin": owner, "place": self.spec.name})
            lost = Badge(key=f"{owner}.unavailable", label=str(UNAVAILABLE), tone="dashed", title=owner)
            return {k.id: [lost] for k in keys}
        return found

    def row_key(self, row: Any) -> Any:
        return self.keys[id(row)]

    def key(self, row: Any) -> str:
        return str(getattr(row, self.spec.public_id.key))

    def value(self, column: Column, row: Any) -> object:
        if column.cell is not None:
            return column.cell(row)
        return self.loaded[column.key].get(self.row_key(row).id, "")

    def badges(self, row: Any) -> Sequence[Badge]:
        return self.all_badges.get(self.row_key(row).id, ())

    def actions_of(self, row: Any) -> Sequence[ActionView]:
        return actions_of(self.ctx, self.spec, row)

    @cached_property
    def many(self) -> Sequence[ActionView]:
        return many_of(self.ctx, self.spec)

    def tint(self, row: Any) -> str:
        return self.spec.tint(row)

    def located(self, row: Any) -> bool:
        return request.args.get("at") == self.key(row)

    def filter_value(self, of: Filter) -> str:
        return self.ask.values.get(of.key, "")

    @property
    def first_number(self) -> int:
        """Number of the first row shown; it travels in the URL, since nothing is counted."""
        return max(1, request.args.get("n", 1, type=int)) if self.more_before else 1




def here(**changes: Any) -> str:
    """This page's URL with some arguments changed; ``None`` takes one away. Paging ends when the sort changes."""
    args = MultiDict(request.args)
    if "sort" in changes:
        args.pop("after", None)
        args.pop("before", None)
    number, size = max(1, args.get("n", 1, type=int)), g.get("list_rows", 0)
    args.pop("n", None)
    if "after" in changes:
        args.pop("before", None)
        changes["n"] = number + size
    if "before" in changes:
        args.pop("after", None)
        changes["n"] = max(1, number - g.get("list_limit", size))
    if "n" not in changes and ("after" in args or "before" in args):
        changes["n"] = number
    for key, value in changes.items():
        args.pop(key, None)
        if value is not None:
            args[key] = str(value)
    query = urlencode(list(args.items(multi=True)))
    return f"{request.path}?{query}" if query else request.path


def read(ctx: Any, spec: ListSpec, columns: Sequence[Column], args: MultiDict[str, str], *, page: bool) -> Ask:
    """Check the URL. Unknown columns are ignored, so that bookmarks outlive a plugin.

    :param page: a page for people: default ranges apply, unless a row is to be found, and the chosen columns are read
    :raise Invalid: unknown sort key, unknown cursor or a filter value that cannot be read
    """
    chosen = args.getlist("col") or (choice.of(ctx, spec.name) if page else [])
    keys = {c.key for c in columns}
    picked = set(chosen) & keys
    shown = [c for c in columns if c.fixed or (c.key in picked if picked else c.default)]
    if picked:
        place = {key: n for n, key in enumerate(chosen)}
        shown = [c for c in shown if c.fixed] + sorted((c for c in shown if not c.fixed), key=lambda c: place[c.key])
    order = args.get("sort") or spec.sort
    sort = next((c for c in columns if c.key == order.removeprefix("-") and c.sort is not None), None)
    if sort is None:
        raise Invalid(errors=[{"field": "sort", "message": order}])
    values = {f.key: args.get(f.key, "").strip() for f in spec.filters}
    exact = any(values[f.key] for f in spec.filters if f.exact)
    if page and not exact and "at" not in args and not any(f.key in args for f in spec.filters):
        values |= {f.key: f.default(ctx) for f in spec.filters if f.default}
    where = []
    for f in spec.filters:
        if (value := values[f.key]) and not (exact and f.default and f.key not in args):
            try:
                where.append(f.where(ctx, value))
            except ValueError as error:
                raise Invalid(errors=[{"field": f.key, "message": value}]) from error
    text, most = args.get("limit", ""), limits.current().page_rows
    limit = spec.page_size if not text else int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= limit <= most:
        raise Invalid(errors=[{"field": "limit", "message": f"1 to {most}"}])
    return Ask(
        shown=shown, order=order, sort=sort, where=where, values=values, after=args.get("after"),
        before=args.get("before"), limit=limit, exact=exact,
    )


def fetch(ctx: Any, spec: ListSpec, ask: Ask, columns: Sequence[Column]) -> Page:
    place = _place(ctx, spec, ask)
    backwards = place is not None and not ask.after
    down = ask.descending != backwards
    stmt = spec.query(ctx).where(*ask.where)
    if place is not None:
        key = tuple_(ask.sort.sort, spec.pk)
        if ask.inclusive:
            stmt = stmt.where(key <= place if down else key >= place)
        else:
            stmt = stmt.where(key < place if down else key > place)
    ends = [e.desc() if down else e.asc() for e in (ask.sort.sort, spec.pk)]
    found = ctx.db.scalars(stmt.order_by(*ends).limit(ask.limit + 1)).unique().all()
    rows, more = list(found[: ask.limit]), len(found) > ask.limit
    if backwards:
        rows.reverse()
    return Page(
        ctx=ctx, spec=spec, ask=ask, columns=columns, rows=rows, more_after=more or backwards,
        more_before=more if backwards else place is not None,
    )


def _place(ctx: Any, spec: ListSpec, ask: Ask) -> Any:
    """Where the neighbouring page ended, read back from its last row; ``None`` if there is none or it has gone."""
    row = ask.after or ask.before
    if not row:
        return None
    sort = ask.sort.sort
    stmt = spec.query(ctx).where(spec.public_id == row).with_only_columns(sort, spec.pk).order_by(None)
    found = ctx.db.execute(stmt).one_or_none()
    return None if found is None else tuple_(literal(found[0], sort.type), literal(found[1], spec.pk.type))


def page_of(spec: ListSpec, *, page: bool) -> Page:
    """The page that the URL asks for. ``?at=`` finds a row: default ranges do not hide it, and the page that has it opens."""
    ctx = g.ctx
    columns = [*spec.columns, *ctx.app.plugins.house.for_list("columns", spec.name, ctx.enabled)]
    ask = read(ctx, spec, columns, request.args, page=page)
    found = fetch(ctx, spec, ask, columns)
    at = request.args.get("at", "")
    if page and at and not (ask.after or ask.before) and all(found.key(row) != at for row in found.rows):
        found = fetch(ctx, spec, replace(ask, after=at, inclusive=True), columns)
    g.list_rows, g.list_limit = len(found.rows), ask.limit
    return found


def show(spec: ListSpec, **extra: Any) -> Any:
    """The page, or only its list when htmx asks for that element."""
    page = page_of(spec, page=True)
    fragment = request.headers.get("HX-Target") == f"section#{spec.dom_id}"
    response = make_response(render_template(spec.template, page=page, here=here, fragment=fragment, **extra))
    response.vary.add("HX-Target")
    return response


def json_page(spec: ListSpec, item: Callable[[Any], dict[str, Any]]) -> Any:
    page = page_of(spec, page=False)
    following = page.key(page.rows[-1]) if page.more_after and page.rows else None
    return jsonify({"items": [item(row) for row in page.rows], "next": following})
