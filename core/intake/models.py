"""What sends, what was uploaded, what waits for a person."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Base, BigInt, Pk, PublicId, Sha256, TenantMixin, same_tenant


class Source(Base, TenantMixin):
    """What sends: ``device uploader node api``. ``secret_hash`` and ``ae`` find the tenant before any context."""

    __tablename__ = "source"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    kind: Mapped[str] = mapped_column(sa.String(10))
    name: Mapped[str] = mapped_column(sa.String(100))
    account_id: Mapped[int | None] = mapped_column(BigInt, sa.ForeignKey("account.id"))
    secret_hash: Mapped[Sha256 | None] = mapped_column(unique=True)
    ae: Mapped[str | None] = mapped_column(sa.String(16))
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "ae"),
        sa.UniqueConstraint("tenant_id", "id"),
        sa.Index(
            "uq_source_uploader", "tenant_id", "account_id", unique=True,
            sqlite_where=sa.text("kind = 'uploader'"), postgresql_where=sa.text("kind = 'uploader'"),
        ),
    )


class Upload(Base, TenantMixin):
    """One batch from one person: ``receiving processing done``."""

    __tablename__ = "upload"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    state: Mapped[str] = mapped_column(sa.String(12), default="receiving")
    created_by: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id"))
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    source_id: Mapped[int | None] = mapped_column(BigInt)
    __table_args__ = (sa.UniqueConstraint("tenant_id", "id"), same_tenant("source", "source_id"))


class UploadFile(Base, TenantMixin):
    """One file of a batch, or one entry of a zip in it. ``path`` lies below the upload area until it is processed.

    ``sent`` counts the bytes that are synced to disk; ``size`` is what was announced, -1 when unknown.
    """

    __tablename__ = "upload_file"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    upload_id: Mapped[int] = mapped_column(BigInt, index=True)
    parent_id: Mapped[int | None] = mapped_column(BigInt)
    name: Mapped[str] = mapped_column(sa.String(300))
    size: Mapped[int] = mapped_column(default=-1)
    sent: Mapped[int] = mapped_column(default=0)
    path: Mapped[str] = mapped_column(sa.String(200), default="")
    outcome: Mapped[str] = mapped_column(sa.String(10), default="")
    reason: Mapped[str] = mapped_column(sa.String(40), default="")
    detail: Mapped[str] = mapped_column(sa.String(200), default="")
    study_id: Mapped[int | None] = mapped_column(BigInt)
    __table_args__ = (
        same_tenant("upload", "upload_id", ondelete="CASCADE"),
        same_tenant("study", "study_id"),
    )


class HeldItem(Base, TenantMixin):
    """An object kept for a person to decide: its bytes are safe, no image shows it."""

    __tablename__ = "held_item"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    name: Mapped[str] = mapped_column(sa.String(300))
    reason: Mapped[str] = mapped_column(sa.String(40))
    detail: Mapped[str] = mapped_column(sa.String(200), default="")
    blob_id: Mapped[int] = mapped_column(BigInt)
    study_id: Mapped[int | None] = mapped_column(BigInt)
    source_id: Mapped[int | None] = mapped_column(BigInt)
    state: Mapped[str] = mapped_column(sa.String(10), default="open")
    received_at: Mapped[datetime]
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "blob_id", "reason"),
        same_tenant("blob", "blob_id"),
        same_tenant("study", "study_id"),
        same_tenant("source", "source_id"),
    )
