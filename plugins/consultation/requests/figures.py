"""Figures of requests for the statistics pages."""

from __future__ import annotations

import sqlalchemy as sa

from plugin_sdk.consultation import State
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.panels import PanelData, Period
from plugin_sdk.types import Ctx
from plugins.consultation.models import Request
from plugins.consultation.requests.machine import LOOKS, label


def by_state(ctx: Ctx, period: Period) -> PanelData:
    """Requests made in the period by what their state is called on this side now; words that stand for several are one."""
    counted = ctx.db.execute(
        sa.select(Request.state, sa.func.count())
        .where(Request.requested_at >= period.since, Request.requested_at < period.until)
        .group_by(Request.state)
    )
    numbers = {str(label(state, ctx.side)): 0 for state in LOOKS if ctx.side == "hospital" or state is not State.WITHDRAWN}
    for state, n in counted:
        if ctx.side == "hospital" or state is not State.WITHDRAWN:
            word = str(label(state, ctx.side))
            numbers[word] = numbers.get(word, 0) + n
    return PanelData(
        columns=(_l("状态"), _l("申请数")), rows=tuple(numbers.items()), chart="pie", totals=(_l("合计"), sum(numbers.values()))
    )
