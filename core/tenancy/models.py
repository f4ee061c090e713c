"""Tenants, connections, members, roles, settings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Base, BigInt, Pk, PublicId, TenantMixin


class Tenant(Base):
    """A hospital or a diagnosis group. ``plugins`` maps a plugin's name to ``on`` or ``draining``."""

    __tablename__ = "tenant"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    code: Mapped[str] = mapped_column(sa.String(16), unique=True)
    kind: Mapped[str] = mapped_column(sa.String(10))
    number: Mapped[str] = mapped_column(sa.String(32))
    name: Mapped[str] = mapped_column(sa.String(100))
    zone: Mapped[str] = mapped_column(sa.String(40), default="Asia/Shanghai")
    introduction: Mapped[str] = mapped_column(sa.Text, default="")
    plugins: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("kind", "number"),)


class TenantLink(Base):
    """A hospital and a group that work together, from the invitation to the end."""

    __tablename__ = "tenant_link"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    hospital_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("tenant.id"), index=True)
    group_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("tenant.id"), index=True)
    state: Mapped[str] = mapped_column(sa.String(10), default="active")
    accepting: Mapped[bool] = mapped_column(default=True)
    applied_at: Mapped[datetime]
    connected_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        sa.Index(
            "uq_tenant_link_pair",
            "hospital_id",
            "group_id",
            unique=True,
            sqlite_where=sa.text("state <> 'ended'"),
            postgresql_where=sa.text("state <> 'ended'"),
        ),
    )


class Role(Base, TenantMixin):
    """A set of permission codes. The built-in ``admin`` holds every code of its side and cannot be deleted."""

    __tablename__ = "role"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    code: Mapped[str] = mapped_column(sa.String(40))
    name: Mapped[str] = mapped_column(sa.String(40))
    description: Mapped[str] = mapped_column(sa.String(200), default="")
    permissions: Mapped[list[str]] = mapped_column(default=list)
    builtin: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (sa.UniqueConstraint("tenant_id", "code"), sa.UniqueConstraint("tenant_id", "id"))


class Membership(Base, TenantMixin):
    """An account's place in a tenant."""

    __tablename__ = "membership"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    account_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id"), index=True)
    role_id: Mapped[int] = mapped_column(BigInt)
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    prefs: Mapped[dict[str, Any]] = mapped_column(default=dict)
    __table_args__ = (
        sa.UniqueConstraint("account_id", "tenant_id"),
        sa.ForeignKeyConstraint(["tenant_id", "role_id"], ["role.tenant_id", "role.id"]),
    )


class Setting(Base):
    """One stored value: scope ``platform tenant link user``, name ``<owner>.<field>``."""

    __tablename__ = "setting"
    scope: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    scope_id: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    value: Mapped[Any] = mapped_column(sa.JSON)
    changed_by: Mapped[int] = mapped_column(BigInt, default=0)
    changed_at: Mapped[datetime]


