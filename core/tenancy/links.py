"""Connections as a ctx sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.tenancy.models import Tenant, TenantLink
from plugin_sdk.errors import NotFound
from plugin_sdk.types import LinkView, TenantView

if TYPE_CHECKING:
    from core.host.context import TenantCtx


class LinkDirectory:
    """Implements :class:`plugin_sdk.types.Links`: only connections of the ctx's tenant."""

    def __init__(self, ctx: TenantCtx) -> None:
        self.ctx = ctx

    def active(self) -> Sequence[LinkView]:
        return self._views(TenantLink.state == "active")

    def get(self, link_id: int) -> LinkView:
        """:raise NotFound: no connection of this tenant"""
        found = self._views(TenantLink.id == link_id)
        if not found:
            raise NotFound
        return found[0]

    def by_public_id(self, public_id: str) -> LinkView:
        """:raise NotFound: no connection of this tenant"""
        found = self._views(TenantLink.public_id == public_id)
        if not found:
            raise NotFound
        return found[0]

    def to_group(self, code: str) -> LinkView | None:
        """The live connection of this hospital to a group, by the group's code."""
        return next((v for v in self.active() if v.group.code == code), None)

    def _views(self, where: sa.ColumnElement[bool]) -> list[LinkView]:
        mine = TenantLink.hospital_id if self.ctx.side == "hospital" else TenantLink.group_id
        hospital, group = sa.orm.aliased(Tenant), sa.orm.aliased(Tenant)
        rows = self.ctx.db.execute(
            sa.select(TenantLink, hospital, group)
            .join(hospital, hospital.id == TenantLink.hospital_id)
            .join(group, group.id == TenantLink.group_id)
            .where(mine == self.ctx.tenant.id, where)
            .order_by(TenantLink.id)
        )
        return [
            LinkView(
                id=link.id, public_id=link.public_id, hospital=tenant_view(h), group=tenant_view(g), state=link.state,
                accepting=link.accepting,
            )
            for link, h, g in rows
        ]


def tenant_view(row: Tenant) -> TenantView:
    return TenantView(
        id=row.id, code=row.code, kind="hospital" if row.kind == "hospital" else "group", name=row.name,
        zone=row.zone, number=row.number,
    )
