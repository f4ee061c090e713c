"""Audit chains: each entry fits the one before."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from core.audit import chain
from core.audit.models import AuditHead
from core.reconcile.differences import Difference
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants


def compare(tenant: Tenant) -> Iterator[Difference]:
    with all_tenants() as db:
        for name in db.scalars(sa.select(AuditHead.chain).where(AuditHead.tenant_id == tenant.id)).all():
            if (bad := chain.first_bad(db, tenant.id, name)) is not None:
                yield Difference(kind="audit.broken", tenant=tenant.code, ref=name, said=f"entry {bad}")
