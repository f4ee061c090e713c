"""What plugins cost and how they fail."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Base, Pk


class PluginFault(Base):
    """One plugin at one place (hook, slot, list, listener): calls, time, failures. No patient data: class and place only.

    ``count`` failures in all, ``recent`` the instants of the last ten (ISO, UTC), ``ms`` milliseconds in all.
    """

    __tablename__ = "plugin_fault"
    id: Mapped[Pk]
    plugin: Mapped[str] = mapped_column(sa.String(30))
    place: Mapped[str] = mapped_column(sa.String(60))
    calls: Mapped[int] = mapped_column(default=0)
    ms: Mapped[int] = mapped_column(default=0)
    slowest_ms: Mapped[int] = mapped_column(default=0)
    count: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(sa.String(300), default="")
    recent: Mapped[list[str]]
    last_at: Mapped[datetime | None]
    __table_args__ = (sa.UniqueConstraint("plugin", "place"),)
