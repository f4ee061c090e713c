"""A remembered login [记住密码]: the browser keeps a token that is good for one login, never the password.

Half of the token finds the row, the other half proves it. Each login replaces the token by the next of its family. A
token that comes a second time was copied: its whole family ends, with every session that it opened.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.accounts import journal
from core.accounts.models import Account, LoginSession, Remember
from core.tenancy.sessions import all_tenants, nobody
from plugin_sdk.ids import random_id

DAYS = 30
"""After this many days the password is asked again, however often the token was replaced."""
GRACE = timedelta(seconds=10)
"""A second click that was under way when the first was answered is no theft. It opens nothing either."""


@dataclass(frozen=True)
class Remembered:
    """A login by token, with the token that replaces it."""

    account_id: int
    family: str
    token: str
    expires_at: datetime


def issue(db: Session, account_id: int) -> Remembered:
    """Begin a family."""
    return _next(db, account_id, random_id(), clock.now() + timedelta(days=DAYS))


def redeem(token: str) -> Remembered | None:
    """Use a token up for its successor; ``None`` when it opens nothing. A copied one ends its family."""
    at = clock.now()
    with all_tenants(write=True) as db:
        row = _row(db, token)
        if row is None or row.expires_at <= at:
            return None
        if not _proves(row, token) or (row.used_at is not None and at - row.used_at > GRACE):
            end_family(db, row.account_id, row.family, why="copied")
            return None
        alive = db.scalar(sa.select(Account.id).where(Account.id == row.account_id, Account.disabled_at.is_(None)))
        if row.used_at is not None or alive is None:
            return None
        row.used_at = at
        return _next(db, row.account_id, row.family, row.expires_at)


def whose(token: str) -> str:
    """The phone, middle hidden, of the account that a token would open; empty for none. Changes nothing."""
    with nobody() as db:
        row = _row(db, token, lock=False)
        if row is None or row.used_at is not None or row.expires_at <= clock.now() or not _proves(row, token):
            return ""
        phone = db.scalar(sa.select(Account.phone).where(Account.id == row.account_id, Account.disabled_at.is_(None)))
    return f"{phone[:3]}****{phone[-4:]}" if phone else ""


def family_of(token: str) -> str:
    with nobody() as db:
        row = _row(db, token, lock=False)
    return row.family if row is not None and _proves(row, token) else ""


def end_family(db: Session, account_id: int, family: str, *, why: str) -> None:
    """End a remembered login and the sessions that it opened, in the caller's transaction."""
    db.execute(sa.delete(Remember).where(Remember.family == family))
    ended = db.execute(
        sa.update(LoginSession)
        .where(LoginSession.family == family, LoginSession.account_id == account_id, LoginSession.ended_at.is_(None))
        .values(ended_at=clock.now())
    ).rowcount  # type: ignore[attr-defined]
    journal.note(db, account_id, "session.ended", count=ended, why=why)


def _next(db: Session, account_id: int, family: str, expires_at: datetime) -> Remembered:
    selector, validator = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
    db.add(
        Remember(
            account_id=account_id, family=family, selector=selector, validator_hash=_digest(validator),
            created_at=clock.now(), expires_at=expires_at,
        )
    )
    db.flush()
    return Remembered(account_id, family, f"{selector}.{validator}", expires_at)


def _row(db: Session, token: str, *, lock: bool = True) -> Remember | None:
    statement = sa.select(Remember).where(Remember.selector == token.partition(".")[0][:22])
    return db.scalars(statement.with_for_update() if lock else statement).one_or_none()


def _proves(row: Remember, token: str) -> bool:
    return secrets.compare_digest(row.validator_hash, _digest(token.partition(".")[2]))


def _digest(validator: str) -> str:
    return hashlib.sha256(validator.encode("ascii", "replace")).hexdigest()
