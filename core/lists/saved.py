"""Views of a list: tabs that are a name and a URL. Some come with the list, the others a person saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import sqlalchemy as sa
from flask import g, url_for
from werkzeug.datastructures import MultiDict

from core.lists import fetch
from core.lists.ask import RESERVED, read
from core.lists.models import SavedView
from core.lists.parts import columns_of, find
from plugin_sdk.errors import Conflict, DomainError, Invalid, NotFound
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.lists import ListSpec

MOST = 20
LONGEST = 2000
"""Characters of a view's query; a longer one is refused, not cut: it would then say something else."""
"""Views that a person may save per list."""
COUNTED = 1000
"""A tab counts no further; it then says 999+."""


class NameTaken(Conflict):
    sentence = _l("已有同名视图")


class TooMany(DomainError):
    code, sentence = "too-many", _l("每个列表最多保存 20 个视图")


class Unnamed(Invalid):
    sentence = _l("请填写视图名称，最多 20 个字")


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A view as it is drawn. ``count`` is ``None`` for one that does not count."""

    key: str
    label: object
    url: str
    active: bool
    count: str | None = None
    alert: bool = False
    edit_url: str = ""


def kept(args: MultiDict[str, str]) -> str:
    """What a view keeps of a URL: filters, sort, columns; not the place in the list."""
    return urlencode([(k, v) for k, v in args.items(multi=True) if k not in RESERVED])


def of(ctx: Any, list_name: str) -> Sequence[SavedView]:
    """The caller's views of a list, in the order they were made."""
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(SavedView)
        .where(SavedView.account_id == (ctx.user.id if ctx.user else 0), SavedView.list_name == list_name)
        .order_by(SavedView.id)
    ).all()


def mine(ctx: Any, public_id: str) -> SavedView:
    """:raise NotFound: no view of the caller here"""
    row: SavedView | None = ctx.db.scalars(
        sa.select(SavedView).where(SavedView.public_id == public_id, SavedView.account_id == ctx.user.id)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def save(ctx: Any, spec: ListSpec, *, name: str, query: str, counted: bool) -> SavedView:
    """Keep a view.

    :raise Invalid: no name, or a query that the list cannot read
    :raise NameTaken: the caller has one of this name
    :raise TooMany: 20 are saved
    """
    name = _named(name)
    existing = of(ctx, spec.name)
    if len(existing) >= MOST:
        raise TooMany
    if any(v.name == name for v in existing):
        raise NameTaken
    query = kept(args_of(query))
    if len(query) > LONGEST:
        raise Invalid(errors=[{"field": "query", "message": str(_l("筛选条件过长，无法存为视图"))}])
    read(ctx, spec, columns_of(ctx, spec), args_of(query), page=True)
    row = SavedView(
        account_id=ctx.user.id, list_name=spec.name, name=name, query=query, counted=counted, created_at=ctx.now()
    )
    ctx.db.add(row)
    ctx.db.flush()
    return row


def change(ctx: Any, row: SavedView, *, name: str, counted: bool) -> None:
    """:raise NameTaken: another one of the caller's has this name"""
    name = _named(name)
    if any(v.name == name and v.id != row.id for v in of(ctx, row.list_name)):
        raise NameTaken
    row.name, row.counted = name, counted


def tabs(ctx: Any, spec: ListSpec, args: Mapping[str, str]) -> Sequence[Tab]:
    """Tabs that come with the list, then the caller's own."""
    chosen = args.get("view", "")
    plain = not any(f.key in args for f in spec.filters)
    found = []
    for n, view in enumerate(spec.views):
        query = {**view.query, "view": view.key} if view.query else {}
        found.append(
            Tab(
                key=view.key, label=view.label, url=_url(spec, urlencode(query)), active=plain and n == 0 if not query else chosen == view.key,
                count=_count(ctx, spec, urlencode(view.query)) if view.count else None, alert=view.alert,
            )
        )
    return [*found, *(_own(ctx, spec, row, chosen) for row in of(ctx, spec.name))]


def _own(ctx: Any, spec: ListSpec, row: SavedView, chosen: str) -> Tab:
    return Tab(
        key=row.public_id, label=row.name, url=url_of(spec, row), active=chosen == row.public_id,
        count=_count(ctx, spec, row.query) if row.counted else None, edit_url=url_for("lists.edit_view", id=row.public_id),
    )


def url_of(spec: ListSpec, row: SavedView) -> str:
    """Where a saved view opens."""
    return _url(spec, f"{row.query}&view={row.public_id}".lstrip("&"))


def _url(spec: ListSpec, query: str) -> str:
    url = url_for(spec.endpoint)
    return f"{url}?{query}" if query else url


def _count(ctx: Any, spec: ListSpec, query: str) -> str | None:
    """How many rows a view has; ``None`` when the list can no longer read it."""
    try:
        ask = read(ctx, spec, columns_of(ctx, spec), args_of(query), page=True)
    except Invalid:
        return None
    number = fetch.count(ctx, spec, ask, COUNTED)
    return f"{COUNTED - 1}+" if number >= COUNTED else str(number)


def args_of(query: str) -> MultiDict[str, str]:
    """Read a query string."""
    return MultiDict(parse_qsl(query, keep_blank_values=True))


def _named(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 20:
        raise Unnamed(errors=[{"field": "name", "message": "1 to 20"}])
    return name


def list_of(row: SavedView) -> ListSpec:
    """:raise NotFound: its list is gone with its plugin, or closed to the caller"""
    return find(g.ctx, row.list_name)
