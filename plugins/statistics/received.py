"""Studies received, by day and modality."""

from __future__ import annotations

from datetime import timedelta

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.panels import PanelData, Period
from plugin_sdk.types import Ctx


def load(ctx: Ctx, period: Period) -> PanelData:
    """A line per day, days without any too; a column per modality that came in the period, as the images name it."""
    found = {(day, modality): n for day, modality, n in ctx.studies.received(period)}
    modalities = sorted({modality for _, modality in found})
    days = [period.first + timedelta(days=n) for n in range((period.last - period.first).days + 1)]
    return PanelData(
        columns=(_l("日期"), *modalities),
        rows=tuple((day.isoformat(), *(found.get((day, m), 0) for m in modalities)) for day in days) if modalities else (),
        totals=(_l("合计"), *(sum(n for (_, m), n in found.items() if m == modality) for modality in modalities)) if modalities else (),
    )
