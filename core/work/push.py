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


def wake(ctx: Any, told: Sequence[Notice]) -> None:
    """Queue a push per notify channel that is on here, in the caller's transaction.

    The job names one of the notices: each try sends that one under its id, whatever is told of the same thing later.
    """
    if not told or not (found := channels(ctx)):
        return
    ctx.db.flush()
    last, users = told[-1], [n.account_id for n in told]
    for channel in found:
        ctx.enqueue("work.push", channel=channel.name, kind=last.kind, ref=last.ref, users=users, notice=last.public_id)


def channels(ctx: Any) -> list[Any]:
    house = ctx.app.plugins.house
    return [
        c for owner, d in house.by_owner.items() if owner in ctx.enabled for c in d.channels if c.kind == "notify"
    ]


def push(ctx: Any, *, channel: str, kind: str, ref: str, users: Sequence[int], notice: str = "") -> None:
    """Send one notice through one channel. Reads in a transaction of its own, so that the network holds no lock.

    :param notice: public id of it; a job queued by an earlier release names none and sends the latest
    :raise HookFailed: the channel hung; the job is tried again, then given up and shown, like any other failure
    """
    spec = next((c for c in channels(ctx) if c.name == channel), None)
    if spec is None:
        return
    with ctx.reading() as reader:
        note = _note(reader, kind, ref, users, notice)
        if note is None:
            return
        try:
            ctx.app.plugins.guard.run(
                spec.plugin, f"channel {channel}", ctx.app.resolve(spec.dotted)().send, reader, note, seconds=SECONDS
            )
        except Hung as error:
            raise HookFailed(plugin=spec.plugin) from error


def _note(ctx: Any, kind: str, ref: str, users: Sequence[int], notice: str) -> Note | None:
    spec = ctx.app.plugins.house.notice_kinds.get(kind)
    which = Notice.public_id == notice if notice else sa.and_(Notice.ref == ref, Notice.kind == kind, Notice.account_id.in_(users))
    row = ctx.db.scalars(sa.select(Notice).where(which).order_by(Notice.id.desc()).limit(1)).one_or_none()
    if spec is None or row is None:
        return None
    people = tuple(ctx.users.views(users).values())
    return Note(
        id=row.public_id, kind=kind, title=str(spec.title), ref=ref, path=queries.path_of(ctx, row), todo=row.todo,
        at=row.at, users=people, facts=row.facts,
    )
