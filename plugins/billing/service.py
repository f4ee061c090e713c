"""Provider of the ``billing`` capability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plugin_sdk.capabilities import ChargeLine
from plugin_sdk.consultation import RequestRef
from plugin_sdk.types import Ctx
from plugins.billing import pricing, queries


class BillingService:
    """Implements :class:`plugin_sdk.capabilities.Billing` for one ctx."""

    def __init__(self, ctx: Ctx) -> None:
        self.ctx = ctx

    def fees(self, link_id: int, readers: Sequence[int], modality: str) -> Mapping[int, int]:
        found = queries.prices(self.ctx, link_id)
        if found is None:
            return {}
        fees = {reader: pricing.fee_of(found, reader, modality) for reader in readers}
        return {reader: fen for reader, fen in fees.items() if fen is not None}

    def lines(self, ref: RequestRef) -> Sequence[ChargeLine]:
        return [
            ChargeLine(
                code=row.code, share=row.share, fen=row.fen, rule=row.rule, person=row.person, report=row.report_n,  # type: ignore[arg-type]
                at=row.made_at, reversal=row.reverses is not None,
            )
            for row in queries.charges_of(self.ctx, ref.id)
        ]


def billing(ctx: Ctx) -> BillingService:
    return BillingService(ctx)
