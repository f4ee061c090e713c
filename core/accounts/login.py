"""Who somebody is: by phone and password, or by a token."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from core import clock
from core.accounts import passwords
from core.accounts.models import Account, ApiToken, Credential, LoginAttempt
from core.tenancy.models import Membership, Tenant
from core.tenancy.sessions import all_tenants, nobody
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l

LOCK_AFTER = 5
LOCK_FOR = timedelta(minutes=30)


class LoginRefused(DomainError):
    """The same sentence for an unknown phone, a wrong password and a disabled account."""

    status, code, sentence = 401, "unauthenticated", _l("手机号或密码不正确")


class LoginLocked(DomainError):
    status, code, sentence = 429, "rate-limited", _l("失败次数过多，请 30 分钟后再试")


@dataclass
class Principal:
    """Who asks. Flask-Login's user object.

    :ivar token_tenant: the only tenant a token acts in, ``None`` for a session
    """

    account: Account
    must_change: bool
    token_tenant: int | None = None
    token_id: str = ""
    password_at: datetime | None = None
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return str(self.account.id)

    @property
    def name(self) -> str:
        """``user:<id>`` or ``token:<id>``."""
        return f"token:{self.token_id}" if self.token_id else f"user:{self.account.public_id}"


def by_password(phone: str, password: str, *, address: str) -> Principal:
    """Check a phone and password.

    :raise LoginLocked: five failures of this account from this address within 30 minutes
    :raise LoginRefused: anything else, in the same time whether the phone is known or not
    """
    phone = phone.strip()[:20]
    at = clock.now()
    with nobody() as db:
        failures = db.scalar(
            sa.select(sa.func.count())
            .select_from(LoginAttempt)
            .where(LoginAttempt.phone == phone, LoginAttempt.address == address, LoginAttempt.at > at - LOCK_FOR)
        )
        if (failures or 0) >= LOCK_AFTER:
            raise LoginLocked
        found = db.execute(
            sa.select(Account, Credential).join(Credential).where(Account.phone == phone, Account.disabled_at.is_(None))
        ).one_or_none()
    account, credential = found if found else (None, None)
    if not passwords.verified(credential.password_hash if credential else None, password):
        with nobody(write=True) as db:
            db.add(LoginAttempt(phone=phone, address=address, at=at))
        raise LoginRefused
    assert account is not None and credential is not None
    with nobody(write=True) as db:
        db.execute(sa.delete(LoginAttempt).where(LoginAttempt.phone == phone, LoginAttempt.address == address))
    return Principal(account, must_change=credential.must_change, password_at=at)


def by_id(account_id: int) -> Principal | None:
    with nobody() as db:
        found = db.execute(
            sa.select(Account, Credential.must_change)
            .join(Credential, isouter=True)
            .where(Account.id == account_id, Account.disabled_at.is_(None))
        ).one_or_none()
    return Principal(found[0], must_change=bool(found[1])) if found else None


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
    return Principal(found[0], must_change=bool(found[1]), token_tenant=row.tenant_id, token_id=row.public_id)


def token_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def make_token(account_id: int, tenant_id: int, *, days: int | None) -> str:
    """Make a token of a member. :return: its text, shown this once"""
    text = "trt_" + secrets.token_urlsafe(32)
    at = clock.now()
    with all_tenants(write=True) as db:
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


def change_password(account_id: int, old: str, new: str) -> None:
    """:raise LoginRefused: the old one is wrong; :raise Invalid: the new one breaks the rule"""
    with nobody() as db:
        credential = db.get_one(Credential, account_id)
    if not passwords.verified(credential.password_hash, old):
        raise LoginRefused(_l("当前密码不正确"))
    passwords.check_rule(new)
    fresh = passwords.hashed(new)
    with nobody(write=True) as db:
        row = db.get_one(Credential, account_id)
        row.password_hash, row.must_change, row.changed_at = fresh, False, clock.now()
