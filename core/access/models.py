"""Who may see a study that is not theirs, the openings of the viewer, and links for people outside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Base, BigInt, Pk, PublicId, Sha256, TenantMixin, same_tenant
from plugin_sdk.ids import random_id


class StudyGrant(Base):
    """Sight of one study, given by its owner. Revoked rows stay: they are history."""

    __tablename__ = "study_grant"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    owner_tenant: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("tenant.id"))
    study_id: Mapped[int] = mapped_column(BigInt)
    grantee_kind: Mapped[str] = mapped_column(sa.String(10))
    grantee: Mapped[int] = mapped_column(BigInt)
    scope: Mapped[list[str]]
    profile: Mapped[str] = mapped_column(sa.String(20), default="identified")
    source_grant_id: Mapped[int | None] = mapped_column(BigInt, sa.ForeignKey("study_grant.id"))
    reason_ref: Mapped[str] = mapped_column(sa.String(80))
    given_by: Mapped[int] = mapped_column(BigInt, default=0)
    given_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    __table_args__ = (
        sa.ForeignKeyConstraint(["owner_tenant", "study_id"], ["study.tenant_id", "study.id"]),
        sa.Index(
            "uq_study_grant_live",
            "study_id",
            "grantee_kind",
            "grantee",
            "reason_ref",
            unique=True,
            sqlite_where=sa.text("revoked_at IS NULL"),
            postgresql_where=sa.text("revoked_at IS NULL"),
        ),
        sa.Index("ix_study_grant_grantee", "grantee_kind", "grantee", "study_id"),
    )


class StudyAccess(Base):
    """One opening: principal ``user:<account>`` in a tenant may read ``studies`` until ``expires_at``.

    ``grants`` names the grants it stands on, so that revoking one ends it at the next frame; empty for own studies.
    """

    __tablename__ = "study_access"
    id: Mapped[str] = mapped_column(sa.String(26), primary_key=True, default=random_id)
    principal: Mapped[str] = mapped_column(sa.String(60), index=True)
    tenant_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("tenant.id"))
    owner_tenant: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("tenant.id"))
    study_ids: Mapped[list[int]] = mapped_column(sa.JSON)
    grant_ids: Mapped[list[int]] = mapped_column(sa.JSON)
    profile: Mapped[str] = mapped_column(sa.String(20), default="identified")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class PublicLink(Base, TenantMixin):
    """A link for somebody without an account. Its token is nowhere: only the SHA-256 of its text.

    ``plugin`` owns the kind and shows the page. ``tries`` counts passcodes since ``tried_at`` stood still for half an hour;
    ``noted_at``: when its end was written into the log.
    """

    __tablename__ = "public_link"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    plugin: Mapped[str] = mapped_column(sa.String(30))
    kind: Mapped[str] = mapped_column(sa.String(40))
    token_hash: Mapped[Sha256] = mapped_column(unique=True)
    passcode_hash: Mapped[str] = mapped_column(sa.String(200), default="")
    ref: Mapped[str] = mapped_column(sa.String(80))
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    made_by: Mapped[int] = mapped_column(BigInt, default=0)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    noted_at: Mapped[datetime | None]
    views: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    tried_at: Mapped[datetime | None]
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "id"),
        sa.Index("ix_public_link_ref", "tenant_id", "ref"),
        sa.Index("ix_public_link_expires", "noted_at", "expires_at"),
    )


class LinkView(Base, TenantMixin):
    """One opening of a link by one browser, whose cookie holds the key behind ``key_hash``."""

    __tablename__ = "link_view"
    id: Mapped[Pk]
    link_id: Mapped[int] = mapped_column(BigInt)
    key_hash: Mapped[Sha256] = mapped_column(unique=True)
    at: Mapped[datetime]
    until: Mapped[datetime] = mapped_column(index=True)
    __table_args__ = (same_tenant("public_link", "link_id"), sa.Index("ix_link_view_link", "link_id"))
