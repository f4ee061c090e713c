"""The operation log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Base, BigInt, Pk, PublicId, Sha256, TenantMixin


class Audit(Base, TenantMixin):
    """One entry. ``sha256`` = SHA-256 of the 32 bytes of the previous entry and this entry's RFC 8785 JSON.

    The database refuses to change an entry, and to delete one that no :class:`AuditGap` covers (triggers of the
    migration): a batch ALTER of this table on SQLite must make them again.
    """

    __tablename__ = "audit"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    chain: Mapped[str] = mapped_column(sa.String(10), default="ops")
    seq: Mapped[int]
    at: Mapped[datetime]
    account_id: Mapped[int] = mapped_column(BigInt, default=0)
    kind: Mapped[str] = mapped_column(sa.String(40))
    ref: Mapped[str] = mapped_column(sa.String(80), default="")
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sha256: Mapped[Sha256]
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "chain", "seq"),
        sa.Index("ix_audit_at", "tenant_id", "at", "id"),
        sa.Index("ix_audit_account", "tenant_id", "account_id", "at"),
    )


class AuditHead(Base):
    """Where a chain ends; locked by whoever appends."""

    __tablename__ = "audit_head"
    tenant_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("tenant.id"), primary_key=True)
    chain: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    seq: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[Sha256]


class AuditGap(Base, TenantMixin):
    """Entries that left for an archive file. ``sha256`` is the last one's: the entry that follows goes on from it.

    ``file`` and ``file_sha256`` name the archive. An ``audit.archived`` entry of the chain ``ops`` vouches for the row.
    """

    __tablename__ = "audit_gap"
    id: Mapped[Pk]
    chain: Mapped[str] = mapped_column(sa.String(10))
    first_seq: Mapped[int]
    last_seq: Mapped[int]
    sha256: Mapped[Sha256]
    file: Mapped[str] = mapped_column(sa.String(120))
    file_sha256: Mapped[Sha256]
    at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("tenant_id", "chain", "first_seq"),)
