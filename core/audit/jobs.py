"""What the house does with its logs by night."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.accounts.models import Account
from core.audit import anchors, archive
from core.audit.verify import Verdict, verify
from core.tenancy.models import Membership
from core.tenancy.sessions import all_tenants
from core.work import notices
from core.work.models import Notice

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
BROKEN = "audit.broken"


def anchor_job(house: Application) -> None:
    anchors.anchor(house)


def archive_job(house: Application) -> None:
    archive.archive(house)


def verify_job(house: Application) -> None:
    """Verify every chain; what is bad is logged each night and told to the operators of the platform once."""
    for verdict in list(verify(house)):
        if verdict.bad is None:
            continue
        log.error(
            "audit chain broken",
            extra={"tenant": verdict.tenant, "place": verdict.chain, "number": verdict.bad.seq, "reason": verdict.bad.why},
        )
        with all_tenants(write=True) as db:
            _tell(db, house, verdict)


def _tell(session: Session, house: Application, verdict: Verdict) -> None:
    """Notices live in a tenant: an operator who is a member anywhere reads them there."""
    assert verdict.bad is not None
    ref = f"audit:chain:{verdict.tenant}.{verdict.chain}.{verdict.bad.seq}"
    if session.scalar(sa.select(Notice.id).where(Notice.kind == BROKEN, Notice.ref == ref).limit(1)) is not None:
        return
    home = (
        sa.select(sa.func.min(Membership.tenant_id))
        .where(Membership.account_id == Account.id, Membership.left_at.is_(None))
        .scalar_subquery()
    )
    operators = session.execute(
        sa.select(Account.id, home).where(Account.platform_role == "operator", Account.disabled_at.is_(None))
    ).all()
    for account_id, tenant_id in operators:
        notices.tell(
            session, house.plugins.house.notice_kinds[BROKEN], tenant_id=tenant_id or verdict.tenant_id,
            accounts=[account_id], ref=ref, facts={"tenant": verdict.tenant, "chain": verdict.chain, "seq": verdict.bad.seq},
        )
