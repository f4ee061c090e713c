"""A tariff between a world's two sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from core.tenancy.sessions import all_tenants
from plugins.billing import actions, queries
from plugins.billing.actions import Line
from plugins.billing.models import ChargeRow
from tests.conftest import Member, World

Fees = Sequence[tuple[Member | None, str, int]]
SetTariff = Callable[..., int]


@pytest.fixture
def tariff() -> SetTariff:
    """Put a tariff in force; the first line is for everybody. :return: its version"""

    def save(world: World, fees: Fees = ((None, "", 10000),), *, urgent: int = 150, diagnosis: int = 70) -> int:
        with world.app.app_context():
            ctx = world.g_admin.ctx()
            link = ctx.links.get(world.link.id)
            base = queries.in_force(ctx, link.id)
            lines = [
                Line(reader=m.account.id if m else 0, reader_name=m.account.name if m else "", modality=modality, fen=fen)
                for m, modality, fen in fees
            ]
            made = actions.save(
                ctx, link, lines, urgent_percent=urgent, diagnosis_percent=diagnosis, base=base.version if base else 0
            )
            version = made.version
            ctx.commit()
            ctx.close()
        return version

    return save


def charged(world: World, request: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Code, share and fen of every line of a request, oldest first."""
    with world.app.app_context(), all_tenants() as db:
        rows = db.scalars(
            sa.select(ChargeRow).where(ChargeRow.request_public_id == request["id"]).order_by(ChargeRow.id)
        )
        return [(row.code, row.share, row.fen) for row in rows]
