"""Notices on their way out of the house, through the channels of enabled plugins. One job per notice and channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from core.host.guard import Hung
from core.host.hooks import HookFailed
from core.work import queries
from core.work.models import Notice
from plugin_sdk.declared import Note

SECONDS = 30.0


def wake(ctx: Any, kind: str, *, ref: str, users: Sequence[int]) -> None:
    """Queue a push per notify channel that is on here, in the caller's transaction."""
    if not users:
        return
    for channel in channels(ctx):
        ctx.enqueue("work.push", channel=channel.name, kind=kind, ref=ref, users=list(users))


def channels(ctx: Any) -> list[Any]:
    house = ctx.app.plugins.house
    return [
        c for owner, d in house.by_owner.items() if owner in ctx.enabled for c in d.channels if c.kind == "notify"
    ]


def push(ctx: Any, *, channel: str, kind: str, ref: str, users: Sequence[int]) -> None:
    """Send one notice through one channel. Reads in a transaction of its own, so that the network holds no lock.

    :raise HookFailed: the channel hung; the job is tried again, then given up and shown, like any other failure
    """
    spec = next((c for c in channels(ctx) if c.name == channel), None)
    if spec is None:
        return
    with ctx.reading() as reader:
        note = _note(reader, kind, ref, users)
        if note is None:
            return
        try:
            ctx.app.plugins.guard.run(
                spec.plugin, f"channel {channel}", ctx.app.resolve(spec.dotted)().send, reader, note, seconds=SECONDS
            )
        except Hung as error:
            raise HookFailed(plugin=spec.plugin) from error


def _note(ctx: Any, kind: str, ref: str, users: Sequence[int]) -> Note | None:
    spec = ctx.app.plugins.house.notice_kinds.get(kind)
    row = ctx.db.scalars(
        sa.select(Notice).where(Notice.ref == ref, Notice.kind == kind, Notice.account_id.in_(users)).order_by(Notice.id.desc()).limit(1)
    ).one_or_none()
    if spec is None or row is None:
        return None
    people = tuple(ctx.users.views(users).values())
    return Note(
        id=row.public_id, kind=kind, title=str(spec.title), ref=ref, path=queries.path_of(ctx, row), todo=row.todo,
        at=row.at, users=people, facts=row.facts,
    )
