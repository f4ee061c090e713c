"""Counts that lists show against the rows they count."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.intake.counts import recount
from core.reconcile.differences import Difference
from core.store.models import Blob
from core.studies.models import Instance, Series, Study
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
PAGE = 500


def compare(house: Application, tenant: Tenant, *, repair: bool) -> Iterator[Difference]:
    after = 0
    while True:
        with all_tenants() as db:
            rows = db.execute(_counted(tenant.id, after)).all()
        for row in rows:
            shown, counted = (row.n_series, row.n_instances, row.bytes), (row.series, row.instances, int(row.size))
            if shown != counted or row.of_series != row.instances:
                if repair:
                    _mend(house, tenant.id, row.id)
                log.warning("counts differ", extra={"tenant": tenant.code, "study_id": row.id, "objects": counted[1], "count": shown[1]})
                yield Difference(
                    kind="counts", tenant=tenant.code, ref=f"studies:study:{row.public_id}",
                    said="series/images/bytes {}/{}/{}, counted {}/{}/{}".format(*shown, *counted), mended=repair,
                )
        if len(rows) < PAGE:
            return
        after = rows[-1].id


def _counted(tenant_id: int, after: int) -> sa.Select[tuple[int, str, int, int, int, int, int, int, int]]:
    page = (
        sa.select(Study.id, Study.public_id, Study.n_series, Study.n_instances, Study.bytes)
        .where(Study.tenant_id == tenant_id, Study.id > after).order_by(Study.id).limit(PAGE).subquery()
    )
    shown = (
        sa.select(Series.study_id, sa.func.coalesce(sa.func.sum(Series.n_instances), 0).label("of_series"))
        .where(Series.study_id.in_(sa.select(page.c.id))).group_by(Series.study_id).subquery()
    )
    return (
        sa.select(
            *page.c, sa.func.count(sa.distinct(Instance.series_id)).label("series"),
            sa.func.count(Instance.id).label("instances"), sa.func.coalesce(sa.func.sum(Blob.size), 0).label("size"),
            sa.func.coalesce(sa.func.max(shown.c.of_series), 0).label("of_series"),
        )
        .select_from(page)
        .outerjoin(shown, shown.c.study_id == page.c.id)
        .outerjoin(Series, Series.study_id == page.c.id)
        .outerjoin(Instance, sa.and_(Instance.series_id == Series.id, Instance.rank == 0))
        .outerjoin(Blob, Blob.id == Instance.blob_id)
        .group_by(*page.c).order_by(page.c.id)
    )


def _mend(house: Application, tenant_id: int, study_id: int) -> None:
    with house.system_ctx(tenant_id) as ctx:
        study = ctx.db.scalars(sa.select(Study).where(Study.id == study_id).with_for_update()).one()
        recount(ctx.db, study, ())
