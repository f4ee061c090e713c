"""Sessions are rows on the server; the cookie is only a random key, kept here as its SHA-256.

Implements Flask's session interface, so that Flask-Login and Flask-WTF keep what they need in the row. A request with
a bearer token has no session. Idle and absolute limits are settings of the platform; its owner may switch the idle one
off. A login makes a new row; a rise of rights within a session gives the same row a new key.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from sqlalchemy.orm import Session
from werkzeug.datastructures import CallbackDict

from core import clock
from core.accounts import cookies, journal, settings
from core.accounts.models import LoginSession, Remember
from core.tenancy.sessions import all_tenants, nobody

BEFORE_LOGIN = timedelta(hours=1)
SEEN_EVERY = timedelta(seconds=60)


class RowSession(CallbackDict[str, Any], SessionMixin):
    """A session's data. ``row_id`` is 0 until it is first stored.

    ``renew`` asks for a new row with a new key (login), ``rekey`` for a new key only (the password was given again).
    """

    def __init__(self, data: dict[str, Any] | None = None, *, row_id: int = 0, key: str = "", stored: bool = True) -> None:
        def changed(_: Any) -> None:
            self.modified = True

        super().__init__(data or {}, changed)
        self.row_id, self.key, self.stored = row_id, key, stored
        self.account_id: int | None = None
        self.password_at: datetime | None = None
        self.seen_at: datetime | None = None
        self.modified = False
        self.renew = self.rekey = False
        self.family = ""
        self.expired = False

    @property
    def confirmed_at(self) -> datetime | None:
        """When the password was given again for one act, if that act has not come yet."""
        return datetime.fromisoformat(self["confirmed_at"]) if "confirmed_at" in self else None


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("ascii", "replace")).hexdigest()


class RowSessions(SessionInterface):
    """Open and save :class:`RowSession`."""

    def open_session(self, app: Flask, request: Request) -> RowSession:
        if request.headers.get("Authorization", "").startswith("Bearer "):
            return RowSession(stored=False)
        key = cookies.read(request, "session")
        return find(key) if key else RowSession()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        from flask import request

        if not isinstance(session, RowSession) or not session.stored:
            return
        if (session.row_id == 0 and not session) or response.status_code >= 500:  # what failed leaves no session behind
            return
        if session.modified or session.renew or session.rekey:
            _store(session, request)
        if session.key and cookies.read(request, "session") != session.key:
            cookies.give(response, request, "session", session.key)
            response.vary.add("Cookie")


def find(key: str) -> RowSession:
    """Read a session by its key. An idle, expired or ended one is empty and says so."""
    with nobody() as db:
        row = db.scalars(sa.select(LoginSession).where(LoginSession.key_hash == digest(key))).one_or_none()
    if row is None:
        return RowSession()
    at = clock.now()
    if row.ended_at is not None or row.expires_at <= at or ((left := idle_left(row)) is not None and left <= timedelta()):
        session = RowSession()
        session.expired = row.account_id is not None
        return session
    session = RowSession(dict(row.data), row_id=row.id, key=key)
    session.account_id, session.password_at, session.seen_at = row.account_id, row.password_at, row.seen_at
    session.family = row.family
    return session


def idle_left(row: LoginSession) -> timedelta | None:
    """Time until the session ends for want of activity; ``None`` when it does not, or when that is far away."""
    idle = clock.now() - row.seen_at
    if row.account_id is None or idle < timedelta(minutes=settings.LEAST_IDLE):
        return None
    with nobody() as db:
        limits, own = settings.login(db), settings.own(db, row.account_id)
    return timedelta(minutes=limits.idle_minutes) - idle if own.auto_logout else None


@dataclass(frozen=True)
class Left:
    """Whole seconds that a session has. ``idle`` is ``None`` where automatic log-out is off."""

    idle: int | None
    absolute: int
    password: int


def left(session: RowSession) -> Left:
    """What the page asks to warn in time. ``password``: until a sensitive act asks for the password again."""
    at = clock.now()
    with nobody() as db:
        row = db.get_one(LoginSession, session.row_id)
        limits, own = settings.login(db), settings.own(db, row.account_id or 0)
    idle = row.seen_at + timedelta(minutes=limits.idle_minutes) - at if own.auto_logout else None
    young = row.password_at + timedelta(minutes=limits.fresh_minutes) - at if row.password_at else timedelta()
    return Left(
        None if idle is None else max(0, int(idle.total_seconds())), max(0, int((row.expires_at - at).total_seconds())),
        max(0, int(young.total_seconds())),
    )


def _store(session: RowSession, request: Request) -> None:
    at = clock.now()
    with nobody(write=True) as db:
        row = db.get(LoginSession, session.row_id) if session.row_id else None
        if row is None or session.renew:
            if row is not None:
                row.ended_at = at
            session.key = secrets.token_urlsafe(32)
            row = LoginSession(
                key_hash=digest(session.key), created_at=at, seen_at=at, expires_at=at + BEFORE_LOGIN,
                address=(request.remote_addr or "")[:45], agent=(request.user_agent.string or "")[:200],
            )
            if session.account_id is not None:
                row.expires_at = at + timedelta(hours=settings.login(db).session_hours)
            db.add(row)
        elif session.rekey:
            session.key = secrets.token_urlsafe(32)
            row.key_hash = digest(session.key)
        row.data = dict(session)
        row.account_id = session.account_id
        row.password_at = session.password_at
        row.family = session.family
        db.flush()
        session.row_id, session.renew, session.rekey, session.modified = row.id, False, False, False


def touch(session: RowSession) -> None:
    """Note that its owner is there, at most once a minute."""
    at = clock.now()
    if session.row_id and session.seen_at is not None and at - session.seen_at > SEEN_EVERY:
        with nobody(write=True) as db:
            db.execute(sa.update(LoginSession).where(LoginSession.id == session.row_id).values(seen_at=at))
        session.seen_at = at


def end(session_id: int, *, kind: str = "session.ended", why: str = "") -> None:
    """End one session and the remembered login that it came from."""
    with all_tenants(write=True) as db:
        row = db.get(LoginSession, session_id)
        if row is None or row.ended_at is not None or row.account_id is None:
            return
        row.ended_at = clock.now()
        if row.family:
            db.execute(sa.delete(Remember).where(Remember.family == row.family))
        journal.note(db, row.account_id, kind, **({"why": why} if why else {}))


def end_all(account_id: int, *, but: int = 0, why: str = "") -> None:
    """End every session and remembered login of an account, but one session."""
    with all_tenants(write=True) as db:
        end_within(db, account_id, but=but, why=why)


def end_within(db: Session, account_id: int, *, but: int = 0, why: str) -> None:
    """The same in the caller's transaction: whoever changes a role, a password or an account does it at once.

    The session that stays keeps its remembered login too.
    """
    kept = db.scalar(sa.select(LoginSession.family).where(LoginSession.id == but)) or "-"
    db.execute(sa.delete(Remember).where(Remember.account_id == account_id, Remember.family != kept))
    ended = db.execute(
        sa.update(LoginSession)
        .where(LoginSession.account_id == account_id, LoginSession.id != but, LoginSession.ended_at.is_(None))
        .values(ended_at=clock.now())
    ).rowcount  # type: ignore[attr-defined]
    if ended:
        journal.note(db, account_id, "session.ended", count=ended, why=why)
