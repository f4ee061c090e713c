"""Claims: who holds a request, and for how long. A claim belongs to a person, not to a tab."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from plugin_sdk.consultation import CLAIMABLE, State
from plugin_sdk.errors import ClaimNotMine
from plugin_sdk.types import Ctx
from plugins.consultation.models import Request
from plugins.consultation.requests import queries
from plugins.consultation.settings import Reading


def me(ctx: Ctx) -> int:
    return ctx.user.id if ctx.user else 0


def take(ctx: Ctx, row: Request, user_id: int, name: str) -> None:
    """Give the claim to a person from now for the group's ``hold_minutes``."""
    row.claim_user, row.claim_name, row.claim_seen = user_id, name, ctx.now()
    row.claim_until = ctx.now() + timedelta(minutes=ctx.settings(Reading).hold_minutes)


def free(row: Request) -> None:
    row.claim_user = row.claim_until = row.claim_seen = None
    row.claim_name = ""


def mine(ctx: Ctx, row: Request) -> bool:
    return row.claim_user is not None and row.claim_user == me(ctx)


def need_mine(ctx: Ctx, row: Request) -> None:
    """:raise ClaimNotMine: carries who holds it and since when it is known"""
    if not mine(ctx, row):
        raise ClaimNotMine(**facts(row))


def renew(ctx: Ctx, row: Request, *, active: bool) -> Request:
    """Say that the holder is there; only a key or pointer event (``active``) moves the end of the hold.

    Never touches ``version``. :raise ClaimNotMine: lapsed, taken back, or never mine
    """
    at = ctx.now()
    values = {"claim_seen": at}
    if active:
        values["claim_until"] = at + timedelta(minutes=ctx.settings(Reading).hold_minutes)
    moved = ctx.db.execute(
        sa.update(Request)
        .where(
            Request.id == row.id,
            Request.claim_user == me(ctx),
            Request.state.in_([*CLAIMABLE, State.CONFIRMED]),
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    ).rowcount
    fresh = queries.by_id(ctx, row.id)
    if not moved:
        raise ClaimNotMine(**facts(fresh))
    return fresh


def facts(row: Request) -> dict[str, object]:
    """What a loser is told: state, version, holder, since."""
    return {
        "state": str(getattr(row.state, "value", row.state)),
        "version": row.version,
        "holder": row.claim_name or None,
        "since": row.moved_at.isoformat(),
    }
