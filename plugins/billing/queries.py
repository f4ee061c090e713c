"""Reading tariffs and charges in scope: each side sees those of its own connections."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

from plugin_sdk.errors import NotFound
from plugin_sdk.types import Ctx
from plugins.billing.models import ChargeRow, Tariff, TariffLine
from plugins.billing.pricing import Prices

STANDS = (ChargeRow.reverses.is_(None), ChargeRow.reversed_at.is_(None))
"""Lines that are owed."""


def in_force(ctx: Ctx, link_id: int) -> Tariff | None:
    """The newest version of a connection's tariff."""
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(Tariff).where(Tariff.link_id == link_id).order_by(Tariff.version.desc()).limit(1)
    ).one_or_none()


def versions(ctx: Ctx, link_id: int) -> Sequence[Tariff]:
    """Every version, newest first."""
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(Tariff).where(Tariff.link_id == link_id).order_by(Tariff.version.desc())
    ).all()


def newest(ctx: Ctx, link_ids: Collection[int]) -> Mapping[int, Tariff]:
    """The tariff in force of each connection, by connection."""
    rows = ctx.db.scalars(sa.select(Tariff).where(Tariff.link_id.in_(link_ids)).order_by(Tariff.version))
    return {row.link_id: row for row in rows}


def tariff_or_404(ctx: Ctx, public_id: str) -> Tariff:
    """:raise NotFound: no version of a tariff that this side has"""
    row = ctx.db.scalars(sa.select(Tariff).where(Tariff.public_id == public_id)).one_or_none()
    if row is None:
        raise NotFound
    return row  # type: ignore[no-any-return]


def lines_of(ctx: Ctx, tariff: Tariff) -> Sequence[TariffLine]:
    """As they were entered."""
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(TariffLine).where(TariffLine.tariff_id == tariff.id).order_by(TariffLine.id)
    ).all()


def prices(ctx: Ctx, link_id: int, version: int | None = None) -> Prices | None:
    """A version of a connection's tariff, or the one in force; ``None`` when there is none."""
    if version is None:
        tariff = in_force(ctx, link_id)
    else:
        tariff = ctx.db.scalars(sa.select(Tariff).where(Tariff.link_id == link_id, Tariff.version == version)).one_or_none()
    return Prices.of(tariff, lines_of(ctx, tariff)) if tariff is not None else None


def charges_of(ctx: Ctx, request_id: int) -> Sequence[ChargeRow]:
    """Every line of a request, oldest first."""
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(ChargeRow).where(ChargeRow.request_id == request_id).order_by(ChargeRow.id)
    ).all()


def standing(ctx: Ctx, request_id: int) -> list[ChargeRow]:
    """The lines of a request that are owed."""
    return list(ctx.db.scalars(sa.select(ChargeRow).where(ChargeRow.request_id == request_id, *STANDS).order_by(ChargeRow.id)))


def standing_requests(ctx: Ctx, request_ids: Collection[int]) -> frozenset[int]:
    """Which of these requests have lines that are owed."""
    rows = ctx.db.scalars(sa.select(ChargeRow.request_id).where(ChargeRow.request_id.in_(request_ids), *STANDS))
    return frozenset(rows)


def owed(ctx: Ctx, request_ids: Collection[int]) -> Mapping[int, int]:
    """Fen owed by request; requests that were never charged are left out."""
    rows = ctx.db.execute(
        sa.select(ChargeRow.request_id, sa.func.sum(ChargeRow.fen))
        .where(ChargeRow.request_id.in_(request_ids))
        .group_by(ChargeRow.request_id)
    )
    return {request_id: int(fen) for request_id, fen in rows}
