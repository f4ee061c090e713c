"""Browsers and addresses from which an account has logged in before."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.accounts.models import LoginSeen

KEPT = timedelta(days=400)
"""How long a browser keeps its key; the longest that browsers allow."""


def digest(key: str) -> str:
    """What is stored of a browser's key, empty for none."""
    return hashlib.sha256(key.encode("ascii", "replace")).hexdigest() if key else ""


def known(db: Session, account_id: int, device: str) -> bool:
    """Whether this account has logged in from the browser before."""
    return bool(device) and db.scalar(
        sa.select(LoginSeen.id).where(LoginSeen.account_id == account_id, LoginSeen.device == device).limit(1)
    ) is not None


def seen_at(db: Session, address: str, *, days: int, account_id: int | None = None) -> bool:
    """Whether anybody, or one account, logged in from an address within the last ``days``."""
    where = [LoginSeen.address == address, LoginSeen.last_at > clock.now() - timedelta(days=days)]
    if account_id is not None:
        where.append(LoginSeen.account_id == account_id)
    return db.scalar(sa.select(LoginSeen.id).where(*where).limit(1)) is not None


def note(db: Session, account_id: int, *, address: str, device: str = "") -> None:
    """Remember that an account logged in from an address and a browser, or may without a captcha."""
    at = clock.now()
    row = db.scalars(
        sa.select(LoginSeen).where(
            LoginSeen.account_id == account_id, LoginSeen.address == address, LoginSeen.device == device
        )
    ).one_or_none()
    if row is None:
        row = LoginSeen(account_id=account_id, address=address, device=device, first_at=at)
        db.add(row)
    row.last_at = at
    db.flush()
