"""Audit chains: each entry fits the one before. Anchors are asked by ``telerad audit verify``."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from core.audit.models import AuditHead
from core.audit.verify import WHY, of_chain
from core.reconcile.differences import Difference
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants


def compare(tenant: Tenant) -> Iterator[Difference]:
    with all_tenants() as db:
        for name in db.scalars(sa.select(AuditHead.chain).where(AuditHead.tenant_id == tenant.id)).all():
            if (bad := of_chain(db, tenant, name).bad) is not None:
                yield Difference(kind="audit.broken", tenant=tenant.code, ref=name, said=f"entry {bad.seq}: {WHY[bad.why]}")
