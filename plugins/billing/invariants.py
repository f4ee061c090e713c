"""I4: every confirmed request that had a price is charged once, nothing else is, and what was taken back is taken back once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from plugin_sdk.consultation import Consultations, RequestQuery, RequestView, State
from plugin_sdk.invariants import Broken
from plugin_sdk.types import Ctx
from plugins.billing import queries
from plugins.billing.models import ChargeRow, Tariff

PAGE = 200


def check(house: Any) -> Iterator[Broken]:
    """Every group that has a tariff or a charge, each in its ctx. Where consultation is off nobody knows the states."""
    groups = house.scan(sa.union(sa.select(Tariff.group_id), sa.select(ChargeRow.group_id)))
    for group_id in sorted(row[0] for row in groups):
        with house.system_ctx(group_id, write=False) as ctx:
            consultations = ctx.get(Consultations)
            if consultations is not None:
                for what in (*_uncharged(ctx, consultations), *_unowed(ctx, consultations), *_reversals(ctx)):
                    yield Broken("I4", group_id, what)


def _uncharged(ctx: Ctx, consultations: Consultations) -> Iterator[str]:
    for page in _pages(consultations):
        owed = queries.standing_requests(ctx, [view.ref.id for view in page])
        for view in page:
            if view.agreed and view.agreed.provider == "billing" and view.ref.id not in owed:
                yield f"request {view.ref.id} is confirmed and not charged"


def _pages(consultations: Consultations) -> Iterator[Sequence[RequestView]]:
    after: str | None = None
    while True:
        page = consultations.find(RequestQuery(states=[State.CONFIRMED], priced=True, limit=PAGE, after=after))
        yield page.items
        if (after := page.next) is None:
            return


def _unowed(ctx: Ctx, consultations: Consultations) -> Iterator[str]:
    """Lines stand only for what is confirmed."""
    for public_id in ctx.db.scalars(sa.select(ChargeRow.request_public_id).where(*queries.STANDS).distinct()):
        if (state := consultations.get(public_id).state) is not State.CONFIRMED:
            yield f"request {public_id} is charged and {state}"


def _reversals(ctx: Ctx) -> Iterator[str]:
    back = sa.orm.aliased(ChargeRow)
    rows = ctx.db.execute(
        sa.select(ChargeRow.id, ChargeRow.fen, ChargeRow.reversed_at, back.fen)
        .join(back, back.reverses == ChargeRow.id, isouter=True)
        .where(ChargeRow.reverses.is_(None))
    )
    for row_id, fen, reversed_at, taken in rows:
        if (reversed_at is None) != (taken is None) or (taken is not None and taken + fen):
            yield f"charge {row_id} of {fen} was taken back by {taken}"
