"""A tariff for the demo's hospital."""

from __future__ import annotations

from plugin_sdk.types import Ctx
from plugins.billing import actions, forms, queries
from plugins.billing.actions import Line
from plugins.billing.models import ANY_MODALITY, ANY_READER

FEES = ((ANY_MODALITY, 6000), ("CT", 8000), ("MR", 12000), ("DR", 3000))
FIRST_READER_CT, URGENT, DIAGNOSIS = 10000, 150, 70


def furnish(ctx: Ctx) -> None:
    """Give each connection of the demo's group that has none a tariff."""
    if ctx.side != "group":
        return
    first = next((v for v in forms.readers(ctx) if not ctx.users.holds(v.id, "group.report.review")), None)
    lines = [Line(reader=ANY_READER, reader_name="", modality=modality, fen=fen) for modality, fen in FEES]
    if first is not None:
        lines.append(Line(reader=first.id, reader_name=first.name, modality="CT", fen=FIRST_READER_CT))
    for link in ctx.links.active():
        if queries.in_force(ctx, link.id) is None:
            actions.save(ctx, link, lines, urgent_percent=URGENT, diagnosis_percent=DIAGNOSIS, base=0)
