"""How fast anybody may try passwords: per address, per account, and apart for browsers that the account knows.

Each try is a row before the password is looked at, so tries sent at once count each other. Failures of unknown browsers
count together for the account; a browser that has logged in before counts alone, so that a stranger who locks an
account does not lock its owner out. Phones that nobody has are counted and locked like any other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.accounts import devices, journal
from core.accounts.models import Account, LoginAttempt
from core.accounts.settings import Login
from core.limits import current as house_limits
from core.tenancy.sessions import all_tenants, nobody
from plugin_sdk.errors import RateLimited
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as translate

WINDOW = timedelta(minutes=5)
MEMORY = timedelta(days=1)
LOCKED = _l("失败次数过多，请 %(minutes)s 分钟后再试")


class Outcome(StrEnum):
    """``open``: being looked at, or the process died meanwhile: counts as failed. ``refused``: no password was looked at."""

    OPEN = "open"
    OK = "ok"
    FAILED = "failed"
    LOCKED = "locked"
    REFUSED = "refused"


class LoginLocked(RateLimited):
    """Too many failures. The same for a phone that nobody has."""

    def __init__(self, *, minutes: int, until: datetime) -> None:
        super().__init__(
            translate(LOCKED, minutes=minutes), retry_after=max(1, math.ceil((until - clock.now()).total_seconds()))
        )


@dataclass(frozen=True)
class Visitor:
    """Where a login comes from. ``device``: SHA-256 of the browser's key, empty for none."""

    address: str
    device: str = ""


@dataclass(frozen=True)
class Attempt:
    """One try. ``failures``: those before it that still count."""

    id: int
    phone: str
    account_id: int | None
    bucket: str
    failures: int


def arrive(phone: str, visitor: Visitor, limits: Login) -> Attempt:
    """Count a try.

    :raise RateLimited: more than ``login_calls`` tries from this address in 5 minutes
    :raise LoginLocked: the account is locked for this browser
    """
    at = clock.now()
    with nobody(write=True) as db:
        account_id = db.scalar(sa.select(Account.id).where(Account.phone == phone, Account.disabled_at.is_(None)))
        bucket = visitor.device if account_id and devices.known(db, account_id, visitor.device) else ""
        row = LoginAttempt(phone=phone, address=visitor.address, device=bucket, outcome=Outcome.OPEN, at=at)
        db.add(row)
        db.flush()
        attempt_id = row.id
    with nobody() as db:
        wait = _address_wait(db, visitor.address, at)
        failures, until = _failures(db, phone, bucket, limits, but=attempt_id)
    if wait > 0:
        _forget(attempt_id)
        raise RateLimited(retry_after=wait)
    if until is not None and until > at:
        _set(attempt_id, Outcome.REFUSED)
        raise LoginLocked(minutes=limits.lock_minutes, until=until)
    return Attempt(attempt_id, phone, account_id, bucket, failures)


def failures_of(phone: str, account_id: int | None, visitor: Visitor, limits: Login) -> int:
    """Failures that count against the next try of this browser."""
    with nobody() as db:
        bucket = visitor.device if account_id and devices.known(db, account_id, visitor.device) else ""
        return _failures(db, phone, bucket, limits, but=0)[0]


def failed(attempt: Attempt, visitor: Visitor, limits: Login) -> None:
    """Note a wrong password; with the last one allowed the account is locked."""
    last = attempt.failures + 1 >= limits.lock_after
    with all_tenants(write=True) as db:
        db.execute(
            sa.update(LoginAttempt)
            .where(LoginAttempt.id == attempt.id)
            .values(outcome=Outcome.LOCKED if last else Outcome.FAILED)
        )
        if attempt.account_id is not None:
            journal.note(db, attempt.account_id, "login.failed", address=visitor.address)
            if last:
                journal.note(db, attempt.account_id, "login.locked", address=visitor.address, minutes=limits.lock_minutes)


def refused(attempt: Attempt) -> None:
    """The try ended before a password was looked at; it counts for the address only."""
    _set(attempt.id, Outcome.REFUSED)


def passed(db: Session, attempt: Attempt) -> None:
    """Start counting anew."""
    db.execute(sa.update(LoginAttempt).where(LoginAttempt.id == attempt.id).values(outcome=Outcome.OK))


def release(db: Session, phone: str) -> int:
    """Take an account's locks away. :return: how many tries are forgotten"""
    return db.execute(  # type: ignore[attr-defined, no-any-return]
        sa.delete(LoginAttempt).where(LoginAttempt.phone == phone, LoginAttempt.outcome != Outcome.OK)
    ).rowcount


def _address_wait(db: Session, address: str, at: datetime) -> int:
    """Whole seconds until this address may try again; 0 when it may. The present try is among the rows."""
    most = house_limits().login_calls
    times = db.scalars(
        sa.select(LoginAttempt.at)
        .where(LoginAttempt.address == address, LoginAttempt.at > at - WINDOW)
        .order_by(LoginAttempt.at.desc())
        .limit(most + 1)
    ).all()
    if not most or len(times) <= most:
        return 0
    return max(1, math.ceil((times[-1] + WINDOW - at).total_seconds()))


def _failures(
    db: Session, phone: str, bucket: str, limits: Login, *, but: int
) -> tuple[int, datetime | None]:
    """Failures since the last success or lock, and until when the bucket is locked."""
    rows = db.execute(
        sa.select(LoginAttempt.outcome, LoginAttempt.at)
        .where(
            LoginAttempt.phone == phone, LoginAttempt.device == bucket, LoginAttempt.id != but,
            LoginAttempt.outcome != Outcome.REFUSED, LoginAttempt.at > clock.now() - MEMORY,
        )
        .order_by(LoginAttempt.id.desc())
        .limit(60)
    ).all()
    failures, newest = 0, None
    for outcome, at in rows:
        if outcome == Outcome.OK:
            break
        if outcome == Outcome.LOCKED:
            until = at + timedelta(minutes=limits.lock_minutes)
            if until > clock.now():
                return failures, until
            break
        failures, newest = failures + 1, newest or at
    if failures >= limits.lock_after and newest is not None:
        return failures, newest + timedelta(minutes=limits.lock_minutes)
    return failures, None


def _set(attempt_id: int, outcome: Outcome) -> None:
    with nobody(write=True) as db:
        db.execute(sa.update(LoginAttempt).where(LoginAttempt.id == attempt_id).values(outcome=outcome))


def _forget(attempt_id: int) -> None:
    with nobody(write=True) as db:
        db.execute(sa.delete(LoginAttempt).where(LoginAttempt.id == attempt_id))
