"""Sessions are rows on the server; the cookie is only a random key, kept here as its SHA-256.

Implements Flask's session interface, so that Flask-Login and Flask-WTF keep what they need in the row. A request with
a bearer token has no session. Idle: 30 minutes, unless its owner switched automatic log-out off; absolute: 12 hours.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.datastructures import CallbackDict

from core import clock
from core.accounts.models import LoginSession
from core.tenancy.sessions import nobody

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
BEFORE_LOGIN = timedelta(hours=1)
SEEN_EVERY = timedelta(seconds=60)


class RowSession(CallbackDict[str, Any], SessionMixin):
    """A session's data. ``row_id`` is 0 until it is first stored; ``renew`` asks for a new key."""

    def __init__(self, data: dict[str, Any] | None = None, *, row_id: int = 0, key: str = "", stored: bool = True) -> None:
        def changed(_: Any) -> None:
            self.modified = True

        super().__init__(data or {}, changed)
        self.row_id, self.key, self.stored = row_id, key, stored
        self.account_id: int | None = None
        self.password_at: datetime | None = None
        self.seen_at: datetime | None = None
        self.modified = False
        self.renew = False
        self.expired = False


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("ascii", "replace")).hexdigest()


class RowSessions(SessionInterface):
    """Open and save :class:`RowSession`."""

    def cookie_name(self, request: Request) -> str:
        """``__Host-session``; over plain http (loopback) a browser refuses that prefix, so a plain name."""
        return "__Host-session" if request.is_secure else "session"

    def open_session(self, app: Flask, request: Request) -> RowSession:
        if request.headers.get("Authorization", "").startswith("Bearer "):
            return RowSession(stored=False)
        key = request.cookies.get(self.cookie_name(request), "")
        return find(key) if key else RowSession()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        from flask import request

        if not isinstance(session, RowSession) or not session.stored:
            return
        if session.row_id == 0 and not session:
            return
        if session.modified or session.renew:
            _store(session, request)
        name = self.cookie_name(request)
        if session.key and request.cookies.get(name) != session.key:
            response.set_cookie(
                name, session.key, httponly=True, samesite="Lax", secure=request.is_secure, path="/"
            )
            response.vary.add("Cookie")


def find(key: str) -> RowSession:
    """Read a session by its key. An idle, expired or ended one is empty and says so."""
    with nobody() as db:
        row = db.scalars(sa.select(LoginSession).where(LoginSession.key_hash == digest(key))).one_or_none()
    if row is None:
        return RowSession()
    at = clock.now()
    idle = row.account_id is not None and row.data.get("auto_logout", True) and at - row.seen_at > IDLE
    if row.ended_at is not None or row.expires_at <= at or idle:
        session = RowSession()
        session.expired = row.account_id is not None
        return session
    session = RowSession(dict(row.data), row_id=row.id, key=key)
    session.account_id, session.password_at, session.seen_at = row.account_id, row.password_at, row.seen_at
    return session


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
            db.add(row)
        row.data = dict(session)
        row.account_id = session.account_id
        row.password_at = session.password_at
        if session.account_id is not None and session.renew:
            row.expires_at = at + ABSOLUTE
        db.flush()
        session.row_id, session.renew, session.modified = row.id, False, False


def touch(session: RowSession) -> None:
    """Note that its owner is there, at most once a minute."""
    at = clock.now()
    if session.row_id and session.seen_at is not None and at - session.seen_at > SEEN_EVERY:
        with nobody(write=True) as db:
            db.execute(sa.update(LoginSession).where(LoginSession.id == session.row_id).values(seen_at=at))
        session.seen_at = at


def end(session_id: int) -> None:
    with nobody(write=True) as db:
        db.execute(sa.update(LoginSession).where(LoginSession.id == session_id).values(ended_at=clock.now()))


def end_all(account_id: int, *, but: int = 0) -> None:
    """End every session of an account: after a change of password or role."""
    with nobody(write=True) as db:
        db.execute(
            sa.update(LoginSession)
            .where(LoginSession.account_id == account_id, LoginSession.id != but, LoginSession.ended_at.is_(None))
            .values(ended_at=clock.now())
        )
