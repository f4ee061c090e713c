"""The one place that reads the wall clock. Tests move it.

Leases and waiting times go by the database's clock (:func:`of`), which all processes share; how long something took goes
by a clock that nobody can set. A wall clock that leaves the database's by more than a minute must not sign.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l

MOST_DRIFT = timedelta(seconds=60)
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_offset = timedelta()
_skew = timedelta()


class ClockJumped(DomainError):
    """The wall clock of this process left the database's: times must not be signed."""

    status, code, sentence = 503, "unavailable", _l("系统时间异常，暂不能签发，请联系管理员")


def now() -> datetime:
    """The time now, aware, UTC."""
    return datetime.now(UTC) + _offset + _skew


def of(session: Session) -> datetime:
    """The database's clock, aware, UTC. SQLite has none of its own: this machine's."""
    if session.get_bind().dialect.name != "postgresql":
        return now()
    found: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return found.astimezone(UTC) + _offset


def steady() -> float:
    """Seconds that only pass, whatever is done to the wall clock; sleep of the machine included (Linux)."""
    return time.clock_gettime(_STEADY)


_anchor = (datetime.now(UTC), steady())
"""A wall time and the steady seconds it was read at: what the wall clock would say had nobody set it."""


def drift(session: Session) -> timedelta:
    """How far this process's wall clock is ahead of the database's; on SQLite, of what it was at the start."""
    if session.get_bind().dialect.name == "postgresql":
        return now() - of(session)
    return now() - _offset - (_anchor[0] + timedelta(seconds=steady() - _anchor[1]))


def check(session: Session) -> None:
    """:raise ClockJumped: more than 60 s away"""
    if abs(drift(session)) > MOST_DRIFT:
        raise ClockJumped


def shift(by: timedelta) -> None:
    """Let time pass, for the database too. For tests only."""
    global _offset
    _offset += by


def jump(by: timedelta) -> None:
    """Set the wall clock of this process, as an administrator would. For tests only."""
    global _skew
    _skew += by


def reset() -> None:
    global _offset, _skew
    _offset = _skew = timedelta()


def local(at: datetime, zone: str) -> datetime:
    """The wall clock of a tenant at an instant."""
    return at.astimezone(ZoneInfo(zone))
