"""What happens to an account is written in the operation log of each tenant that it belongs to.

An account is no tenant's. Its tenants answer for what their members do, so each of them has the entry in its own chain.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.accounts.models import Account
from core.audit import chain
from core.tenancy.models import Membership


def note(db: Session, account_id: int, kind: str, **facts: Any) -> None:
    """Write an entry in the caller's transaction. ``db`` sees all tenants, or one: then only that one is told."""
    public_id = db.scalar(sa.select(Account.public_id).where(Account.id == account_id))
    tenants = db.scalars(
        sa.select(Membership.tenant_id)
        .where(Membership.account_id == account_id, Membership.left_at.is_(None))
        .order_by(Membership.tenant_id)
    ).all()
    for tenant_id in tenants:
        chain.append(
            db, tenant_id=tenant_id, account_id=account_id, kind=kind, ref=f"accounts:user:{public_id}", **facts
        )
