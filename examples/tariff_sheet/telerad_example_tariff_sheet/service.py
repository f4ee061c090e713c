"""Provider of the ``billing`` capability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plugin_sdk.capabilities import ChargeLine
from plugin_sdk.consultation import RequestRef
from plugin_sdk.types import Ctx

from . import pricing, queries


class SheetBilling:
    """Implements :class:`plugin_sdk.capabilities.Billing` for one ctx."""

    def __init__(self, ctx: Ctx) -> None:
        self.ctx = ctx

    def fees(self, link_id: int, readers: Sequence[int], modality: str) -> Mapping[int, int]:
        """The normal price of a part that no row names: readers cost the same here."""
        tariff = queries.in_force(self.ctx, link_id)
        found = pricing.price_of(queries.prices(self.ctx, tariff), modality, "") if tariff else None
        return dict.fromkeys(readers, found.normal) if found else {}

    def lines(self, ref: RequestRef) -> Sequence[ChargeLine]:
        return [
            ChargeLine(
                code=row.code, share=row.share, fen=row.fen, rule=row.rule, person=row.person, report=row.report_n,  # type: ignore[arg-type]
                at=row.made_at, reversal=row.reversal,
            )
            for row in queries.charges(self.ctx, ref.id)
        ]


def provider(ctx: Ctx) -> SheetBilling:
    return SheetBilling(ctx)
