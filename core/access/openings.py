"""Openings of the viewer: one random root per opening, readable by whoever opened it and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core import clock
from core.access import grants
from core.access.models import StudyAccess
from core.studies.models import Study
from core.tenancy.models import Membership
from core.tenancy.sessions import all_tenants
from plugin_sdk.errors import NotFound
from plugin_sdk.types import Opening

if TYPE_CHECKING:
    from core.host.context import TenantCtx

LIFE = timedelta(hours=12)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a DICOMweb root shows: these studies of this owner. Everything else does not exist.

    :ivar hidden: whether hidden series show; only the owner's own root and openings say yes
    :ivar tenant_id: whose member looks
    """

    owner_tenant: int
    tenant_id: int
    study_ids: frozenset[int] | None
    hidden: bool


def open_images(ctx: TenantCtx, study_ids: Sequence[int]) -> Opening:
    """Open images of studies of one owner for the ctx's user.

    :raise NotFound: one of them may not be read
    """
    found = grants.readable(ctx, study_ids, "images")
    if len(found) != 1 or set(found[0].study_ids) != set(study_ids):
        raise NotFound
    readable, at = found[0], clock.now()
    with all_tenants() as db:
        uids = {row.id: row.uid for row in db.execute(sa.select(Study.id, Study.uid).where(Study.id.in_(study_ids)))}
    row = StudyAccess(
        principal=ctx.principal, tenant_id=ctx.tenant.id, owner_tenant=readable.owner_tenant,
        study_ids=list(readable.study_ids), grant_ids=list(readable.grant_ids), profile=readable.profile,
        created_at=at, expires_at=at + LIFE,
    )
    ctx.db.add(row)
    ctx.db.flush()
    return Opening(
        access=row.id, study_uids=tuple(uids[i] for i in study_ids), dicomweb=f"/g/{row.id}/dicom-web",
        expires_at=row.expires_at,
    )


def scope_of(access_id: str, *, principals: frozenset[str], account_id: int) -> Scope:
    """What an opening shows now: its studies as far as its grants still live.

    :param account_id: who asks; an opening ends with the membership it was made under
    :raise NotFound: another's opening, an expired one, or nothing left of it
    """
    with all_tenants() as db:
        row = db.get(StudyAccess, access_id)
        if row is None or row.principal not in principals or row.expires_at <= clock.now():
            raise NotFound
        if db.scalar(_membership(row.tenant_id, account_id)) is None:
            raise NotFound
        ids = set(row.study_ids)
        if row.grant_ids:
            alive = {g.study_id for g in grants.live(db, row.tenant_id, ids) if g.id in set(row.grant_ids)}
            ids &= alive
        else:
            ids &= set(db.scalars(sa.select(Study.id).where(Study.id.in_(ids), Study.trashed_at.is_(None))))
        if not ids:
            raise NotFound
        return Scope(
            owner_tenant=row.owner_tenant, tenant_id=row.tenant_id, study_ids=frozenset(ids), hidden=not row.grant_ids
        )


def _membership(tenant_id: int, account_id: int) -> sa.Select[int]:
    return sa.select(Membership.id).where(
        Membership.tenant_id == tenant_id, Membership.account_id == account_id, Membership.left_at.is_(None)
    )
