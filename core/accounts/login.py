"""Who somebody is: by phone and password, or by a token."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.accounts import devices, journal, passwords, settings, throttle
from core.accounts import remember as remembering
from core.accounts.models import Account, ApiToken, Credential
from core.accounts.remember import Remembered
from core.accounts.throttle import Visitor
from core.tenancy.models import Membership, Tenant
from core.tenancy.sessions import all_tenants, nobody
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l


class LoginRefused(DomainError):
    """The same sentence for an unknown phone, a wrong password and a disabled account."""

    status, code, sentence = 401, "unauthenticated", _l("手机号或密码不正确")


class CaptchaNeeded(DomainError):
    """The first login of this account from this address, or failures before: asked before any password is looked at."""

    status, code, sentence = 401, "unauthenticated", _l("请输入验证码")


class CaptchaWrong(CaptchaNeeded):
    sentence = _l("验证码不正确或已过期，请重新输入")


@dataclass
class Principal:
    """Who asks. Flask-Login's user object.

    :ivar must_change: nothing but changing the first password is answered; with ``may_skip`` skipping it is, too
    :ivar token_tenant: the only tenant a token acts in, ``None`` for a session
    """

    account: Account
    must_change: bool
    token_tenant: int | None = None
    token_id: str = ""
    password_at: datetime | None = None
    may_skip: bool = False
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return str(self.account.id)

    @property
    def name(self) -> str:
        """``user:<id>`` or ``token:<id>``."""
        return f"token:{self.token_id}" if self.token_id else f"user:{self.account.public_id}"


@dataclass(frozen=True)
class Entered:
    """A login by password: whose, and the families' token if the browser is to remember it."""

    account_id: int
    remembered: Remembered | None = None


def by_password(phone: str, password: str, visitor: Visitor, *, captcha: Callable[[], bool] | None, remember: bool = False) -> Entered:
    """Check a phone and password.

    :param captcha: says whether the captcha was answered rightly and uses the answer up; ``None``: there was none
    :raise RateLimited: too many tries, from this address or for this account
    :raise CaptchaNeeded: one is needed and there was none, or a wrong one
    :raise LoginRefused: anything else, after the same work whether the phone is known or not
    """
    phone = phone.strip()[:20]
    with nobody() as db:
        limits = settings.login(db)
    attempt = throttle.arrive(phone, visitor, limits)
    if _captcha_needed(attempt.account_id, visitor.address, attempt.failures, limits) and not (captcha and captcha()):
        throttle.refused(attempt)
        raise CaptchaWrong if captcha else CaptchaNeeded
    with nobody() as db:
        credential = db.get(Credential, attempt.account_id or 0)
    if not _verified(credential.password_hash if credential else None, password, attempt):
        throttle.failed(attempt, visitor, limits)
        raise LoginRefused
    assert credential is not None and attempt.account_id is not None
    again = passwords.hashed(password) if passwords.outdated(credential.password_hash) else ""
    with all_tenants(write=True) as db:
        throttle.passed(db, attempt)
        if again:
            db.execute(
                sa.update(Credential)
                .where(Credential.account_id == attempt.account_id, Credential.password_hash == credential.password_hash)
                .values(password_hash=again)
            )
        devices.note(db, attempt.account_id, address=visitor.address, device=visitor.device)
        journal.note(db, attempt.account_id, "login.ok", address=visitor.address)
        return Entered(attempt.account_id, remembering.issue(db, attempt.account_id) if remember else None)


def _verified(stored: str | None, password: str, attempt: throttle.Attempt) -> bool:
    """:raise Busy: too many at once; the try does not count, nobody typed anything wrong"""
    try:
        return passwords.verified(stored, password)
    except passwords.Busy:
        throttle.refused(attempt)
        raise


def captcha_needed(phone: str, visitor: Visitor) -> bool:
    """Whether the form should show a captcha at once: nobody came from this address yet, or this phone failed before."""
    with nobody() as db:
        limits = settings.login(db)
        if not phone:
            return not devices.seen_at(db, visitor.address, days=limits.captcha_days)
        account_id = db.scalar(sa.select(Account.id).where(Account.phone == phone.strip()[:20], Account.disabled_at.is_(None)))
    failures = throttle.failures_of(phone.strip()[:20], account_id, visitor, limits)
    return _captcha_needed(account_id, visitor.address, failures, limits)


def _captcha_needed(account_id: int | None, address: str, failures: int, limits: settings.Login) -> bool:
    if failures >= limits.captcha_after or account_id is None:
        return True
    with nobody() as db:
        return not devices.seen_at(db, address, days=limits.captcha_days, account_id=account_id)


def confirm_password(account_id: int, password: str, visitor: Visitor) -> None:
    """Check the password of somebody who is logged in; wrong ones count like failed logins.

    :raise LoginRefused: it is wrong; :raise RateLimited: too many tries
    """
    with nobody() as db:
        limits = settings.login(db)
        phone = db.get_one(Account, account_id).phone
        stored = db.get_one(Credential, account_id).password_hash
    attempt = throttle.arrive(phone, visitor, limits)
    if not _verified(stored, password, attempt):
        throttle.failed(attempt, visitor, limits)
        raise LoginRefused(_l("当前密码不正确"))
    with nobody(write=True) as db:
        throttle.passed(db, attempt)


def by_id(account_id: int, *, skipped: bool = False) -> Principal | None:
    """:param skipped: this session was allowed to keep the first password once"""
    with nobody() as db:
        found = db.execute(
            sa.select(Account, Credential.must_change)
            .join(Credential, isouter=True)
            .where(Account.id == account_id, Account.disabled_at.is_(None))
        ).one_or_none()
    return _principal(found[0], first_password=bool(found[1]), skipped=skipped) if found else None


def _principal(account: Account, *, first_password: bool, skipped: bool = False) -> Principal:
    if not first_password:
        return Principal(account, must_change=False)
    with all_tenants() as db:
        strict = settings.strictest(db, account.id).must_change_password
        used_up = bool(settings.own(db, account.id).default_password_skipped)
    return Principal(account, must_change=strict or not skipped, may_skip=not strict and not used_up)


def by_token(text: str) -> Principal | None:
    """The user of an API token in its tenant; ``None`` for one that is unknown, expired or revoked."""
    at = clock.now()
    with all_tenants() as db:
        row = db.scalars(sa.select(ApiToken).where(ApiToken.token_hash == token_hash(text))).one_or_none()
        if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= at):
            return None
        found = db.execute(
            sa.select(Account, Credential.must_change)
            .join(Credential, isouter=True)
            .where(Account.id == row.account_id, Account.disabled_at.is_(None))
        ).one_or_none()
    if found is None:
        return None
    principal = _principal(found[0], first_password=bool(found[1]))
    principal.token_tenant, principal.token_id = row.tenant_id, row.public_id
    return principal


def token_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def make_token(account_id: int, tenant_id: int, *, days: int | None) -> str:
    """Make a token of a member. :return: its text, shown this once"""
    with all_tenants(write=True) as db:
        return add_token(db, account_id, tenant_id, days=days)


def add_token(db: Session, account_id: int, tenant_id: int, *, days: int | None) -> str:
    """`make_token` within a transaction of the caller's."""
    text = "trt_" + secrets.token_urlsafe(32)
    at = clock.now()
    db.add(
        ApiToken(
            tenant_id=tenant_id, account_id=account_id, token_hash=token_hash(text), tail=text[-4:], created_at=at,
            expires_at=at + timedelta(days=days) if days else None,
        )
    )
    return text


def tenants_of(account_id: int) -> list[tuple[Membership, Tenant]]:
    """Where an account is a member, hospitals first, by name."""
    with all_tenants() as db:
        rows = db.execute(
            sa.select(Membership, Tenant)
            .join(Tenant, Tenant.id == Membership.tenant_id)
            .where(Membership.account_id == account_id, Membership.left_at.is_(None))
            .order_by(Tenant.kind.desc(), Tenant.name)
        )
        return [(m, t) for m, t in rows]
