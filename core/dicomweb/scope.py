"""What a DICOMweb root shows, and the only FROM there is: filters narrow it, nothing widens it."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import sqlalchemy as sa
from flask import g

from core.access.openings import Scope, scope_of
from core.studies.models import Instance, Patient, Series, Study
from plugin_sdk.errors import Forbidden, NotFound

VIEW = "hospital.study.view"


class Level(IntEnum):
    STUDY = 0
    SERIES = 1
    INSTANCE = 2


def scope_now(access: str | None) -> Scope:
    """Say what the current request may see. Asked anew by every request, so that a revoked grant ends at the next frame.

    :param access: the opening named in the URL; None on the root of a hospital's own studies
    :raise NotFound: another's opening, an ended one, or a tenant that holds no studies
    :raise Forbidden: a member without the right to see studies
    """
    if access is not None:
        return scope_of(access, principals=frozenset({g.principal.name}), account_id=g.principal.account.id)
    ctx = g.ctx
    if ctx.side != "hospital":
        raise NotFound
    if not ctx.may(VIEW):
        raise Forbidden(permission=VIEW)
    return Scope(owner_tenant=ctx.tenant.id, tenant_id=ctx.tenant.id, study_ids=None, hidden=True)


def visible(scope: Scope, level: Level, *columns: Any) -> sa.Select[Any]:
    """Select from what the scope shows, down to a level.

    Studies in the recycle bin, series that are hidden from this scope and instances that are not the shown one of
    their UID do not exist.
    """
    stmt = (
        sa.select(*columns)
        .select_from(Study)
        .join(Patient, sa.and_(Patient.id == Study.patient_id, of_tenant(Patient, Study.tenant_id)))
        .where(Study.tenant_id == scope.owner_tenant, Study.trashed_at.is_(None))
    )
    if scope.study_ids is not None:
        stmt = stmt.where(Study.id.in_(sorted(scope.study_ids)))
    if level >= Level.SERIES:
        stmt = stmt.join(Series, sa.and_(Series.study_id == Study.id, of_tenant(Series, Study.tenant_id)))
        stmt = stmt.where(shown(scope))
    if level >= Level.INSTANCE:
        stmt = stmt.join(Instance, sa.and_(Instance.series_id == Series.id, of_tenant(Instance, Study.tenant_id)))
        stmt = stmt.where(Instance.rank == 0)
    return stmt


def of_tenant(model: Any, tenant: Any) -> sa.ColumnElement[bool]:
    """Rows of a tenant that are reached through their parent.

    Written so that no index begins with it: a planner without statistics would rather read all rows of the tenant
    than those of one study.
    """
    return model.tenant_id + 0 == tenant  # type: ignore[no-any-return]


def shown(scope: Scope) -> sa.ColumnElement[bool]:
    """Series that the scope shows."""
    return sa.true() if scope.hidden else Series.hidden.is_(False)
