"""Values that the lists draw: a state with its look, the time left."""

from __future__ import annotations

from datetime import datetime, timedelta

from plugin_sdk.consultation import State
from plugin_sdk.i18n import now as _
from plugins.consultation.models import Request
from plugins.consultation.requests.machine import label, look
from plugins.consultation.requests.present import is_adjusted


class StateCell:
    """What the state macro draws: word, tone, icon; for states in hand who holds them and since when."""

    def __init__(self, row: Request, side: str) -> None:
        self.value = str(getattr(row.state, "value", row.state))
        self.label = label(row.state, side, printed=row.printed_at is not None, adjusted=is_adjusted(row))
        found = look(row.state)
        self.tone, self.icon = found.tone, found.icon
        if side == "hospital" and row.state is State.ACCEPTED:
            self.tone = "work"

    def __str__(self) -> str:
        return str(self.label)


class TimeLeft:
    """Time until a promise: ticks in the browser from the server's clock; after signing it says how it ended."""

    def __init__(self, row: Request, at: datetime) -> None:
        self.due, self.since = row.due_at, row.requested_at
        ended = row.approved_at or row.closed_at
        self.done = ended is not None
        over = (ended or at) - row.due_at
        late = over > timedelta()
        time = minutes(over if late else -over)
        self.text = _("超时 %(time)s", time=time) if late else _("按时 %(time)s", time=time) if self.done else time
        if row.closed_at is not None and row.approved_at is None:
            self.text, self.tone = "-", ""
        elif late:
            self.tone = "over"
        else:
            soon = not self.done and -over < (row.due_at - row.requested_at) / 4
            self.tone = "soon" if soon else "kept" if self.done else ""

    def __str__(self) -> str:
        return self.text


def minutes(span: timedelta) -> str:
    """7 分, 1 时 02 分."""
    hours, rest = divmod(int(span.total_seconds()) // 60, 60)
    return _("%(h)s 时 %(m)s 分", h=hours, m=f"{rest:02d}") if hours else _("%(m)s 分", m=rest)
