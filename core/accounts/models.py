"""Accounts and everything that proves who somebody is. None of it belongs to a tenant but API tokens."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Base, BigInt, Pk, PublicId, Sha256, TenantMixin


class Account(Base):
    """A person. ``platform_role`` is ``operator``, ``security``, ``auditor`` or empty."""

    __tablename__ = "account"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    phone: Mapped[str] = mapped_column(sa.String(20), unique=True)
    name: Mapped[str] = mapped_column(sa.String(60))
    gender: Mapped[str] = mapped_column(sa.String(10), default="")
    email: Mapped[str] = mapped_column(sa.String(120), default="")
    introduction: Mapped[str] = mapped_column(sa.Text, default="")
    birth_date: Mapped[date | None]
    platform_role: Mapped[str] = mapped_column(sa.String(10), default="")
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Credential(Base):
    """The password's hash. ``must_change``: still the first password that somebody else handed out."""

    __tablename__ = "credential"
    account_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    password_hash: Mapped[str] = mapped_column(sa.String(200))
    must_change: Mapped[bool] = mapped_column(default=False)
    changed_at: Mapped[datetime]


class Signature(Base):
    """A personal signature, PNG."""

    __tablename__ = "signature"
    account_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    png: Mapped[bytes]
    sha256: Mapped[Sha256]
    changed_at: Mapped[datetime]


class LoginSession(Base):
    """A session: the cookie holds only a random key, its SHA-256 is here. ``account_id`` is null before login.

    ``family``: the remembered login of the browser that it belongs to, or empty.
    """

    __tablename__ = "session"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    key_hash: Mapped[Sha256] = mapped_column(unique=True)
    account_id: Mapped[int | None] = mapped_column(
        BigInt, sa.ForeignKey("account.id", ondelete="CASCADE"), index=True
    )
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    password_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(sa.String(45), default="")
    agent: Mapped[str] = mapped_column(sa.String(200), default="")
    family: Mapped[str] = mapped_column(sa.String(26), default="", index=True)


class LoginAttempt(Base):
    """One try to log in, kept a day to slow the next ones. ``outcome`` is a word of ``core.accounts.throttle.Outcome``.

    ``device``: SHA-256 of the key of a browser that this account knows; empty for every other browser.
    """

    __tablename__ = "login_attempt"
    id: Mapped[Pk]
    phone: Mapped[str] = mapped_column(sa.String(20))
    address: Mapped[str] = mapped_column(sa.String(45))
    device: Mapped[str] = mapped_column(sa.String(64), default="")
    outcome: Mapped[str] = mapped_column(sa.String(10), default="open")
    at: Mapped[datetime]
    __table_args__ = (sa.Index("ix_login_attempt_phone_at", "phone", "at"), sa.Index("ix_login_attempt_at", "address", "at"))


class LoginSeen(Base):
    """An address and a browser from which an account has logged in. ``device`` is empty for an address let in by hand."""

    __tablename__ = "login_seen"
    id: Mapped[Pk]
    account_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(sa.String(45), index=True)
    device: Mapped[str] = mapped_column(sa.String(64), default="")
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    __table_args__ = (
        sa.UniqueConstraint("account_id", "address", "device"),
        sa.Index("ix_login_seen_device", "account_id", "device"),
    )


class Captcha(Base):
    """What the picture of a session before login says; ``answer`` is empty once it was tried."""

    __tablename__ = "captcha"
    session_id: Mapped[int] = mapped_column(
        BigInt, sa.ForeignKey("session.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    answer: Mapped[str] = mapped_column(sa.String(8))
    drawn: Mapped[int]
    expires_at: Mapped[datetime]


class Remember(Base):
    """One token of a remembered login: found by ``selector``, proved by the SHA-256 of its other half.

    Each is good for one login; the next of the same ``family`` replaces it and ``used_at`` is set.
    """

    __tablename__ = "remember"
    id: Mapped[Pk]
    account_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id", ondelete="CASCADE"), index=True)
    family: Mapped[str] = mapped_column(sa.String(26), index=True)
    selector: Mapped[str] = mapped_column(sa.String(22), unique=True)
    validator_hash: Mapped[Sha256]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ApiToken(Base, TenantMixin):
    """A token that acts as its user in one tenant. Only the SHA-256 of its text is kept."""

    __tablename__ = "api_token"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    account_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[Sha256] = mapped_column(unique=True)
    tail: Mapped[str] = mapped_column(sa.String(4))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
