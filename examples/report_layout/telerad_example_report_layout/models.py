"""The logo of a hospital: one row, replaced in place; its bytes are a file of the tenant."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import BigInt, Pk, PublicId, TenantMixin, plugin_base

Base = plugin_base("example_report_layout")


class Logo(Base, TenantMixin):  # type: ignore[misc, valid-type]
    __tablename__ = "example_report_layout_logo"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    file_id: Mapped[str] = mapped_column(sa.String(26))
    name: Mapped[str] = mapped_column(sa.String(200))
    made_by: Mapped[int] = mapped_column(BigInt)
    made_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("tenant_id", name="uq_example_report_layout_logo_tenant"),)
