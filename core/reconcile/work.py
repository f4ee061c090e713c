"""Work that should have been done: parked or late deliveries, work whose holder went away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from core import clock
from core.reconcile.differences import Difference
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work.models import Delivery, Job, Outbox

LATE = timedelta(minutes=15)


def compare(tenant: Tenant) -> Iterator[Difference]:
    """Late work is taken up by the clock process as soon as that runs; what is parked waits for ``telerad work retry``."""
    with all_tenants() as db:
        at = clock.of(db)
        deliveries = db.execute(
            sa.select(Delivery.id, Delivery.handler, Delivery.state)
            .join(Outbox, Outbox.id == Delivery.outbox_id)
            .where(
                Delivery.tenant_id == tenant.id,
                sa.or_(Delivery.state == "parked", sa.and_(Delivery.state.in_(("waiting", "leased")), Outbox.at < at - LATE)),
            ).order_by(Delivery.id)
        ).all()
        jobs = db.execute(
            sa.select(Job.public_id, Job.name, Job.state)
            .where(
                Job.tenant_id == tenant.id,
                sa.or_(Job.state == "failed", sa.and_(Job.state == "running", Job.lease_until < at - LATE)),
            ).order_by(Job.id)
        ).all()
    for row in deliveries:
        kind = "delivery.parked" if row.state == "parked" else "delivery.late"
        yield Difference(kind=kind, tenant=tenant.code, ref=f"work:delivery:{row.id}", said=row.handler)
    for job in jobs:
        kind = "job.failed" if job.state == "failed" else "job.left"
        yield Difference(kind=kind, tenant=tenant.code, ref=f"work:job:{job.public_id}", said=job.name)
