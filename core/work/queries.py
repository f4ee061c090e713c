"""Notices of a person in a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.work.models import Notice
from plugin_sdk.errors import NotFound

if TYPE_CHECKING:
    from core.host.context import TenantCtx

MOST = 50
PLATFORM = "platform:plugin:"
"""How the ref of a notice begins that an operator of the platform got: it leads to the platform's page."""
OPERATORS = {"plugin.degraded": "admin_plugins.show"}


def counts(ctx: TenantCtx) -> tuple[int, int]:
    """Unread notices and open to-dos. Every open browser asks this; each half walks its own partial index."""
    unread, open_todos = (
        _mine(ctx).with_only_columns(sa.func.count(Notice.id)).where(Notice.todo.is_(todo), still.is_(None)).scalar_subquery()
        for todo, still in ((False, Notice.read_at), (True, Notice.done_at))
    )
    found = ctx.db.execute(sa.select(unread, open_todos)).one()
    return found[0], found[1]


def recent(ctx: TenantCtx, *, todo: bool) -> Sequence[Notice]:
    stmt = _mine(ctx).where(Notice.todo.is_(todo))
    if todo:
        stmt = stmt.where(Notice.done_at.is_(None))
    return ctx.db.scalars(stmt.order_by(Notice.id.desc()).limit(MOST)).all()


def notice(ctx: TenantCtx, public_id: str) -> Notice:
    """:raise NotFound: no notice of this person here"""
    row = ctx.db.scalars(_mine(ctx).where(Notice.public_id == public_id)).one_or_none()
    if row is None:
        raise NotFound
    return row


def path_of(ctx: TenantCtx, row: Notice) -> str:
    """Where a notice leads: the page of its kind with the row located, home for a kind nobody declares any more."""
    kind = ctx.app.plugins.house.notice_kinds.get(row.kind)
    if row.ref.startswith(PLATFORM) and (endpoint := OPERATORS.get(row.kind)):
        return str(ctx.app.flask.url_map.bind("", "/").build(endpoint, {"plugin": row.ref.removeprefix(PLATFORM)}))
    urls = ctx.app.flask.url_map
    here = urls.bind("", "/")
    if kind is None:
        return str(here.build("home.index", {"tenant": ctx.tenant.code}))
    name = next((n for n in ("id", "plugin") if urls.is_endpoint_expecting(kind.endpoint, n)), "at")
    return str(here.build(kind.endpoint, {"tenant": ctx.tenant.code, name: row.ref.rpartition(":")[2]}))


def _mine(ctx: TenantCtx) -> sa.Select[Notice]:
    return sa.select(Notice).where(Notice.account_id == (ctx.user.id if ctx.user else 0))
