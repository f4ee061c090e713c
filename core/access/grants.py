"""Who may see which study. Every read of another tenant's study passes :func:`readable`.

It answers with study ids and a profile, never a boolean, so that a caller cannot forget to narrow.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.access.models import StudyGrant
from core.studies.models import Study
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.errors import NotFound

if TYPE_CHECKING:
    from core.host.context import TenantCtx

PARTS = frozenset({"case", "images", "captures", "attachments", "report", "download"})


@dataclass(frozen=True, kw_only=True)
class Readable:
    """What may be read: study ids of one owner, under which grants, and how identifying it may be."""

    owner_tenant: int
    study_ids: tuple[int, ...]
    grant_ids: tuple[int, ...]
    profile: str


def readable(ctx: TenantCtx, study_ids: Collection[int], part: str) -> Sequence[Readable]:
    """Narrow ``study_ids`` to those the ctx may read ``part`` of, by owner.

    A hospital reads its own; a group what live grants to it or its connection give.
    """
    if not study_ids:
        return []
    own = list(ctx.db.scalars(sa.select(Study.id).where(Study.id.in_(study_ids), Study.trashed_at.is_(None))))
    found = [Readable(owner_tenant=ctx.tenant.id, study_ids=tuple(own), grant_ids=(), profile="identified")] if own else []
    rest = set(study_ids) - set(own)
    if not rest:
        return found
    groups: dict[tuple[int, str], list[StudyGrant]] = {}
    with all_tenants() as db:
        for grant in live(db, ctx.tenant.id, rest):
            if part in grant.scope:
                groups.setdefault((grant.owner_tenant, grant.profile), []).append(grant)
    found += [
        Readable(
            owner_tenant=owner, study_ids=tuple(dict.fromkeys(g.study_id for g in rows)), grant_ids=tuple(g.id for g in rows),
            profile=profile,
        )
        for (owner, profile), rows in groups.items()
    ]
    return found


def live(db: Session, tenant_id: int, study_ids: Collection[int]) -> Sequence[StudyGrant]:
    """Grants to a tenant that hold now: not revoked, not expired, study not in the bin."""
    at = clock.now()
    return db.scalars(
        sa.select(StudyGrant)
        .join(Study, Study.id == StudyGrant.study_id)
        .where(
            StudyGrant.study_id.in_(study_ids),
            StudyGrant.grantee_kind == "tenant",
            StudyGrant.grantee == tenant_id,
            StudyGrant.revoked_at.is_(None),
            sa.or_(StudyGrant.expires_at.is_(None), StudyGrant.expires_at > at),
            Study.trashed_at.is_(None),
        )
    ).all()


def need(ctx: TenantCtx, study_id: int, part: str) -> Readable:
    """:raise NotFound: the ctx may not read this part of the study"""
    found = readable(ctx, [study_id], part)
    if not found:
        raise NotFound
    return found[0]


def owner_of(ctx: TenantCtx, study_id: int) -> int:
    return need(ctx, study_id, "case").owner_tenant


class GrantService:
    """Implements :class:`plugin_sdk.types.Grants` for the owner's ctx."""

    def __init__(self, ctx: TenantCtx) -> None:
        self.ctx = ctx

    def give(
        self, study_id: int, *, tenant_id: int, scope: frozenset[str], reason_ref: str, until: datetime | None = None
    ) -> None:
        """Let a tenant see one of our studies, for a reason. Sight is the sum of its live grants; each ends by its reason.

        A live grant for the same reason is widened to both scopes and lives until the later end.
        """
        if not scope <= PARTS:
            raise ValueError(sorted(scope - PARTS))
        ref = self._ref(study_id)
        row = self.ctx.db.scalars(
            self._live(study_id, tenant_id).where(StudyGrant.reason_ref == reason_ref)
        ).one_or_none()
        if row is None:
            row = StudyGrant(
                owner_tenant=self.ctx.tenant.id, study_id=study_id, grantee_kind="tenant", grantee=tenant_id,
                scope=sorted(scope), reason_ref=reason_ref, given_by=self.ctx.user.id if self.ctx.user else 0,
                given_at=clock.now(), expires_at=until,
            )
            self.ctx.db.add(row)
            self.ctx.audit("grant.made", ref=ref, to=self._code(tenant_id), scope=row.scope)
        else:
            wider = sorted({*row.scope, *scope})
            later = None if until is None or row.expires_at is None else max(until, row.expires_at)
            if (wider, later) != (row.scope, row.expires_at):
                self.ctx.audit("grant.made", ref=ref, to=self._code(tenant_id), scope=wider)
            row.scope, row.expires_at = wider, later
        self.ctx.db.flush()

    def revoke(self, study_id: int, *, tenant_id: int, reason_ref: str) -> int:
        """Take sight back, if the live grant was given for ``reason_ref``. :return: how many ended"""
        rows = self.ctx.db.scalars(self._live(study_id, tenant_id).where(StudyGrant.reason_ref == reason_ref)).all()
        for row in rows:
            row.revoked_at = clock.now()
            self.ctx.audit("grant.revoked", ref=self._ref(study_id), to=self._code(tenant_id))
        self.ctx.db.flush()
        return len(rows)

    def _ref(self, study_id: int) -> str:
        """:raise NotFound: no study of ours"""
        public_id = self.ctx.db.scalar(sa.select(Study.public_id).where(Study.id == study_id))
        if public_id is None:
            raise NotFound
        return f"studies:study:{public_id}"

    def _code(self, tenant_id: int) -> str | None:
        return self.ctx.db.scalar(sa.select(Tenant.code).where(Tenant.id == tenant_id))

    def _live(self, study_id: int, tenant_id: int) -> sa.Select[StudyGrant]:
        return sa.select(StudyGrant).where(
            StudyGrant.owner_tenant == self.ctx.tenant.id,
            StudyGrant.study_id == study_id,
            StudyGrant.grantee_kind == "tenant",
            StudyGrant.grantee == tenant_id,
            StudyGrant.revoked_at.is_(None),
        )
