"""Work as rows: nothing here depends on the queue, which only rings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Base, BigInt, Pk, PublicId, Sha256, TenantMixin


class Outbox(Base):
    """An event, written in the transaction that it tells of."""

    __tablename__ = "outbox"
    id: Mapped[Pk]
    event_id: Mapped[str] = mapped_column(sa.String(26), unique=True)
    tenant_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("tenant.id"))
    kind: Mapped[str] = mapped_column(sa.String(40))
    payload: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class Delivery(Base):
    """One event for one listener: ``waiting leased done parked``, retried alone.

    ``handler`` is ``<plugin>:*`` where the plugin was on but had not started: who listens is found when it has.
    ``fence`` grows with each lease; what an earlier holder writes is refused.
    """

    __tablename__ = "delivery"
    id: Mapped[Pk]
    outbox_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("outbox.id", ondelete="CASCADE"))
    tenant_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("tenant.id"))
    plugin: Mapped[str] = mapped_column(sa.String(30))
    handler: Mapped[str] = mapped_column(sa.String(120))
    state: Mapped[str] = mapped_column(sa.String(10), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0)
    err: Mapped[str] = mapped_column(sa.String(300), default="")
    __table_args__ = (
        sa.UniqueConstraint("outbox_id", "handler"),
        sa.Index(
            "ix_delivery_due",
            "tenant_id",
            "next_at",
            sqlite_where=sa.text("state in ('waiting','leased')"),
            postgresql_where=sa.text("state in ('waiting','leased')"),
        ),
    )


class CoreTimer(Base):
    """A job that is to run at a time. ``key`` is unique per tenant and plugin while it waits."""

    __tablename__ = "core_timer"
    id: Mapped[Pk]
    tenant_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("tenant.id"))
    plugin: Mapped[str] = mapped_column(sa.String(30))
    key: Mapped[str] = mapped_column(sa.String(80))
    job: Mapped[str] = mapped_column(sa.String(60))
    args: Mapped[dict[str, Any]]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(sa.String(10), default="waiting")
    __table_args__ = (
        sa.Index(
            "uq_core_timer_waiting",
            "tenant_id",
            "plugin",
            "key",
            unique=True,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        ),
        sa.Index(
            "ix_core_timer_due",
            "due_at",
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        ),
    )


class Job(Base):
    """A job: the row is the record, the queue only wakes a worker. ``tenant_id`` null for the platform's own.

    ``queued running done failed``. ``fence`` is the turn it was last taken in, a number that grows over all jobs.
    """

    __tablename__ = "job"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    tenant_id: Mapped[int | None] = mapped_column(BigInt, sa.ForeignKey("tenant.id"))
    account_id: Mapped[int] = mapped_column(BigInt, default=0)
    name: Mapped[str] = mapped_column(sa.String(60))
    args: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(sa.String(10), default="queued")
    tries: Mapped[int] = mapped_column(default=0)
    queued_at: Mapped[datetime]
    next_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]
    err: Mapped[str] = mapped_column(sa.String(300), default="")
    __table_args__ = (
        sa.Index(
            "ix_job_due",
            "tenant_id",
            "next_at",
            sqlite_where=sa.text("state in ('queued','running')"),
            postgresql_where=sa.text("state in ('queued','running')"),
        ),
        sa.Index("ix_job_turn", "tenant_id", "fence"),
    )


class Notice(Base, TenantMixin):
    """Something a person should know, or (``todo``) do. ``ref`` is what it leads to; facts hold no names."""

    __tablename__ = "notice"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    account_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id"))
    kind: Mapped[str] = mapped_column(sa.String(40))
    todo: Mapped[bool] = mapped_column(default=False)
    ref: Mapped[str] = mapped_column(sa.String(80))
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    __table_args__ = (
        sa.Index("ix_notice_mine", "account_id", "tenant_id", "todo", "id"),
        sa.Index(
            "ix_notice_unread",
            "account_id",
            "tenant_id",
            "todo",
            sqlite_where=sa.text("read_at IS NULL"),
            postgresql_where=sa.text("read_at IS NULL"),
        ),
        sa.Index(
            "ix_notice_open",
            "account_id",
            "tenant_id",
            "todo",
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        ),
        sa.Index("ix_notice_ref", "tenant_id", "ref"),
    )


class Idempotency(Base):
    """A key that a POST was done under, and its answer, written in the effect's transaction."""

    __tablename__ = "idempotency"
    id: Mapped[Pk]
    tenant_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("tenant.id"))
    account_id: Mapped[int] = mapped_column(BigInt)
    route: Mapped[str] = mapped_column(sa.String(200))
    key: Mapped[str] = mapped_column(sa.String(64))
    body_sha256: Mapped[Sha256]
    status: Mapped[int]
    media: Mapped[str] = mapped_column(sa.String(60))
    location: Mapped[str] = mapped_column(sa.String(300), default="")
    answer: Mapped[bytes]
    at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("tenant_id", "account_id", "route", "key"),)


class Lease(Base):
    """Who does a thing that only one may do at a time. ``fence`` grows with each new holder."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    holder: Mapped[str] = mapped_column(sa.String(80))
    until: Mapped[datetime]
    fence: Mapped[int] = mapped_column(default=0)
    ran_at: Mapped[datetime | None]
