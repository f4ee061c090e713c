"""Make accounts and give them what they need to work."""

from __future__ import annotations

import re

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.accounts import devices, journal, login, passwords, sessions, settings, throttle
from core.accounts.models import Account, ApiToken, Credential, Signature
from core.audit import chain
from core.store.blobs import sha256_of
from core.tenancy import settings as tenancy
from core.tenancy.sessions import all_tenants, nobody
from plugin_sdk.errors import DomainError, Invalid
from plugin_sdk.i18n import lazy as _l

SAME = _l("新密码不能与当前密码相同")
PHONE = re.compile(r"1[0-9]{10}")


class BadPhone(DomainError):
    sentence = _l("手机号应为 11 位数字")


class PhoneTaken(DomainError):
    sentence = _l("该手机号已被使用")


def create(session: Session, *, phone: str, name: str, password: str, must_change: bool) -> Account:
    """Make an account, or return the one that has this phone, unchanged.

    :param must_change: the password was handed out and must be changed at the first login
    :raise BadPhone: not a mobile number of mainland China
    """
    if not PHONE.fullmatch(phone):
        raise BadPhone
    account = by_phone(session, phone)
    if account is None:
        account = Account(phone=phone, name=name, created_at=clock.now())
        session.add(account)
        session.flush()
        session.add(
            Credential(
                account_id=account.id, password_hash=passwords.hashed(password), must_change=must_change,
                changed_at=clock.now(),
            )
        )
        session.flush()
    return account


def by_phone(session: Session, phone: str) -> Account | None:
    return session.scalars(sa.select(Account).where(Account.phone == phone)).one_or_none()


def sign_with(session: Session, account_id: int, png: bytes) -> None:
    """Set an account's personal signature."""
    row = session.get(Signature, account_id)
    if row is None:
        row = Signature(account_id=account_id)
        session.add(row)
    row.png, row.sha256, row.changed_at = png, sha256_of(png), clock.now()


def change_password(account_id: int, new: str, *, keep: int) -> None:
    """Set a new password and end every other session and remembered login.

    :param keep: id of the session in which it is changed
    :raise Invalid: the new one breaks the rule, or is the one that somebody else handed out
    """
    with all_tenants() as db:
        stored = db.get_one(Credential, account_id)
        symbol = settings.strictest(db, account_id).password_symbol
    passwords.check_rule(new, symbol=symbol)
    if passwords.verified(stored.password_hash, new):
        raise Invalid(SAME, errors=[{"field": "password", "message": str(SAME)}])
    fresh = passwords.hashed(new)
    with all_tenants(write=True) as db:
        row = db.get_one(Credential, account_id)
        row.password_hash, row.must_change, row.changed_at = fresh, False, clock.now()
        sessions.end_within(db, account_id, but=keep, why="password")
        journal.note(db, account_id, "password.changed")


def skip_default_password(account_id: int) -> None:
    """Keep the first password for this session; it is possible once (A-20)."""
    with nobody(write=True) as db:
        tenancy.store(db, settings.Own, account_id, by=account_id, default_password_skipped=clock.now().date().isoformat())


def disable(db: Session, account_id: int, *, why: str) -> None:
    """Shut an account: nobody gets in by it, and whoever is in is out. ``db`` sees all tenants."""
    db.get_one(Account, account_id).disabled_at = clock.now()
    sessions.end_within(db, account_id, why=why)


def admit(phone: str, address: str) -> bool:
    """Take an account's locks away and let it log in from an address without a captcha. :return: whether it exists"""
    with nobody(write=True) as db:
        account = by_phone(db, phone)
        if account is None:
            return False
        throttle.release(db, phone)
        if address:
            devices.note(db, account.id, address=address)
    return True


def describe(account_id: int, *, name: str, email: str, gender: str, introduction: str) -> None:
    """Change one's own basic data.

    :raise Invalid: no name, or a long one
    """
    name = name.strip()
    if not 1 <= len(name) <= 60:
        raise Invalid(_l("姓名为 1-60 个字"), errors=[{"field": "name", "message": str(_l("姓名为 1-60 个字"))}])
    given = {
        "name": name, "email": email.strip()[:120], "gender": gender.strip()[:10], "introduction": introduction.strip()[:2000],
    }
    with all_tenants(write=True) as db:
        row = db.get_one(Account, account_id)
        changed = [field for field, value in given.items() if getattr(row, field) != value]
        for field in changed:
            setattr(row, field, given[field])
        if changed:
            journal.note(db, account_id, "user.changed", field=changed)


def change_phone(account_id: int, phone: str, *, keep: int) -> None:
    """Change the login name and end every other session and remembered login.

    :raise BadPhone: not a mobile number of mainland China; :raise PhoneTaken: another account has it
    """
    phone = phone.strip()
    if not PHONE.fullmatch(phone):
        raise BadPhone
    with all_tenants(write=True) as db:
        other = by_phone(db, phone)
        if other is not None and other.id != account_id:
            raise PhoneTaken
        db.get_one(Account, account_id).phone = phone
        sessions.end_within(db, account_id, but=keep, why="phone")
        journal.note(db, account_id, "phone.changed")


def set_auto_logout(account_id: int, on: bool) -> None:
    with nobody(write=True) as db:
        tenancy.store(db, settings.Own, account_id, by=account_id, auto_logout=on)


def create_token(account_id: int, tenant_id: int, *, days: int | None) -> str:
    """Make an API token of a member and write it in the tenant's log. :return: its text, shown this once"""
    text = login.make_token(account_id, tenant_id, days=days)
    with all_tenants(write=True) as db:
        row = db.scalars(sa.select(ApiToken).where(ApiToken.token_hash == login.token_hash(text))).one()
        chain.append(
            db, tenant_id=tenant_id, account_id=account_id, kind="token.created", ref=f"accounts:token:{row.public_id}"
        )
    return text


def revoke_tokens(account_id: int, tenant_id: int, *, tail: str = "") -> int:
    """Revoke a member's tokens in a tenant. :param tail: only the one that ends so :return: how many"""
    with all_tenants(write=True) as db:
        rows = db.scalars(
            sa.select(ApiToken).where(
                ApiToken.account_id == account_id, ApiToken.tenant_id == tenant_id, ApiToken.revoked_at.is_(None)
            )
        ).all()
        ended = [row for row in rows if not tail or row.tail == tail[-4:]]
        for row in ended:
            row.revoked_at = clock.now()
            chain.append(
                db, tenant_id=tenant_id, account_id=account_id, kind="token.revoked", ref=f"accounts:token:{row.public_id}"
            )
    return len(ended)
