"""What a person chose to see in a list, and what they take out of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Base, BigInt, Pk, PublicId, TenantMixin, same_tenant

RUNNING = ("queued", "running")


class ListColumns(Base):
    """The columns that an account shows in a list, in order."""

    __tablename__ = "list_columns"
    account_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    list_name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    columns: Mapped[list[str]]


class SavedView(Base, TenantMixin):
    """A tab that a person added above a list: filters, sort and columns as a query string."""

    __tablename__ = "saved_view"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    account_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id", ondelete="CASCADE"))
    list_name: Mapped[str] = mapped_column(sa.String(40))
    name: Mapped[str] = mapped_column(sa.String(20))
    query: Mapped[str] = mapped_column(sa.String(2000))
    counted: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("tenant_id", "account_id", "list_name", "name"),)


class ListExport(Base, TenantMixin):
    """A sheet made of a list: ``queued running done failed cancelled``. ``done_n`` of ``total_n`` rows are written."""

    __tablename__ = "list_export"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    account_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id"))
    list_name: Mapped[str] = mapped_column(sa.String(40))
    ask: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(sa.String(10), default="queued")
    masked: Mapped[bool] = mapped_column(default=True)
    done_n: Mapped[int] = mapped_column(default=0)
    total_n: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(sa.String(40), default="")
    name: Mapped[str] = mapped_column(sa.String(120), default="")
    file_id: Mapped[int | None] = mapped_column(BigInt)
    queued_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    until: Mapped[datetime | None]
    __table_args__ = (
        same_tenant("file", "file_id"),
        sa.Index(
            "uq_list_export_running", "account_id", unique=True,
            sqlite_where=sa.text("state in ('queued','running')"),
            postgresql_where=sa.text("state in ('queued','running')"),
        ),
        sa.Index("ix_list_export_mine", "tenant_id", "account_id", "id"),
    )
