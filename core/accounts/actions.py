"""Make accounts and give them what they need to work."""

from __future__ import annotations

import re

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.accounts import passwords
from core.accounts.models import Account, Credential, Signature
from core.store.blobs import sha256_of
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l

PHONE = re.compile(r"1[0-9]{10}")


class BadPhone(DomainError):
    sentence = _l("手机号应为 11 位数字")


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
