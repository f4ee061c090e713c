"""Which bytes there are."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Base, BigInt, Pk, PublicId, Sha256, TenantMixin, same_tenant


class Blob(Base, TenantMixin):
    """Bytes of one tenant, by digest. Never shared between tenants; ``gen`` grows when a dying blob comes back."""

    __tablename__ = "blob"
    id: Mapped[Pk]
    sha256: Mapped[Sha256]
    gen: Mapped[int] = mapped_column(default=0)
    size: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(10), default="live")
    created_at: Mapped[datetime]
    orphan_since: Mapped[datetime | None] = mapped_column(index=True)
    __table_args__ = (sa.UniqueConstraint("tenant_id", "sha256", "gen"), sa.UniqueConstraint("tenant_id", "id"))


class StoredFile(Base, TenantMixin):
    """A file that is no DICOM object: capture, report, attachment, logo. ``media`` was decided by content."""

    __tablename__ = "file"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    kind: Mapped[str] = mapped_column(sa.String(20))
    name: Mapped[str] = mapped_column(sa.String(200))
    media: Mapped[str] = mapped_column(sa.String(60))
    blob_id: Mapped[int] = mapped_column(BigInt, index=True)
    study_id: Mapped[int | None] = mapped_column(BigInt, index=True)
    created_by: Mapped[int] = mapped_column(BigInt, default=0)
    created_at: Mapped[datetime]
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "id"),
        same_tenant("blob", "blob_id"),
        same_tenant("study", "study_id"),
    )
