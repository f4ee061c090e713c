"""What gave up is said to those who can do something: a row that only a log knows of is lost."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.accounts.models import Account
from core.tenancy.models import Membership, Role, Tenant
from core.work import notices
from core.work.models import Delivery, Job

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
OPERATOR = "operator"


def parked(db: Session, house: Application, delivery: Delivery) -> None:
    """Tell the tenant's administrators and the platform's operators that an event was not delivered."""
    spec = house.plugins.house.notice_kinds["delivery.parked"]
    accounts = _told(db, delivery.tenant_id)
    notices.tell(
        db, spec, tenant_id=delivery.tenant_id, accounts=accounts, ref=f"work:delivery:{delivery.id}",
        facts={"plugin": delivery.plugin, "error": delivery.err},
    )


def failed(db: Session, house: Application, job: Job) -> None:
    """Tell whoever started a job that it failed for good. The house's own jobs have no tenant to tell: the log, the doctor
    and ``telerad work list`` name them."""
    if job.tenant_id is None:
        log.error("a job of the house gave up", extra={"job_name": job.name, "job_id": job.public_id, "error": job.err})
        return
    spec = house.plugins.house.notice_kinds["job.failed"]
    accounts = [job.account_id] if job.account_id else _told(db, job.tenant_id)
    notices.tell(
        db, spec, tenant_id=job.tenant_id, accounts=accounts, ref=f"work:job:{job.public_id}",
        facts={"job": job.name, "error": job.err},
    )


def _told(db: Session, tenant_id: int) -> Sequence[int]:
    """Who may switch the tenant's plugins, and the platform's operators."""
    side = db.get_one(Tenant, tenant_id).kind
    held = db.execute(
        sa.select(Account.id, Role.permissions)
        .join(Membership, Membership.account_id == Account.id)
        .join(Role, Role.id == Membership.role_id)
        .where(Membership.tenant_id == tenant_id, Membership.left_at.is_(None), Account.disabled_at.is_(None))
        .order_by(Account.id)
    )
    operators = db.scalars(
        sa.select(Account.id).where(Account.platform_role == OPERATOR, Account.disabled_at.is_(None)).order_by(Account.id)
    )
    return [*(account for account, codes in held if f"{side}.plugin.manage" in codes), *operators]

