"""Find tariffs, their lines and charges, in the ctx's own scope."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from plugin_sdk.errors import NotFound
from plugin_sdk.types import Ctx

from .models import ChargeRow, Line, Tariff
from .pricing import Price


def in_force(ctx: Ctx, link_id: int, version: int | None = None) -> Tariff | None:
    """The newest saved version, or the one that a request was submitted under."""
    wanted = Tariff.version.is_not(None) if version is None else Tariff.version == version
    found: Tariff | None = ctx.db.scalars(
        sa.select(Tariff).where(Tariff.link_id == link_id, wanted).order_by(Tariff.version.desc()).limit(1)
    ).one_or_none()
    return found


def versions(ctx: Ctx, link_id: int) -> Sequence[Tariff]:
    found: Sequence[Tariff] = ctx.db.scalars(
        sa.select(Tariff).where(Tariff.link_id == link_id, Tariff.version.is_not(None)).order_by(Tariff.version.desc())
    ).all()
    return found


def tariff_or_404(ctx: Ctx, public_id: str) -> Tariff:
    """:raise NotFound: none in scope; a draft is the group's alone"""
    found: Tariff | None = ctx.db.scalars(sa.select(Tariff).where(Tariff.public_id == public_id)).one_or_none()
    if found is None or (found.version is None and ctx.side != "group"):
        raise NotFound
    return found


def drafts(ctx: Ctx, link_id: int, account: int) -> Sequence[Tariff]:
    found: Sequence[Tariff] = ctx.db.scalars(
        sa.select(Tariff).where(Tariff.link_id == link_id, Tariff.version.is_(None), Tariff.made_by == account)
    ).all()
    return found


def prices(ctx: Ctx, tariff: Tariff) -> list[Price]:
    rows = ctx.db.scalars(sa.select(Line).where(Line.tariff_id == tariff.id).order_by(Line.modality, Line.part))
    return [
        Price(modality=r.modality, part=r.part, normal=r.normal, urgent=r.urgent, review_percent=r.review_percent) for r in rows
    ]


def charges(ctx: Ctx, request_id: int) -> Sequence[ChargeRow]:
    found: Sequence[ChargeRow] = ctx.db.scalars(
        sa.select(ChargeRow).where(ChargeRow.request_id == request_id).order_by(ChargeRow.id)
    ).all()
    return found
