"""What went wrong in plugins."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Base, Pk


class PluginFault(Base):
    """One fault of a plugin: which hook, how often, the last error (no patient data: the class and the place)."""

    __tablename__ = "plugin_fault"
    id: Mapped[Pk]
    plugin: Mapped[str] = mapped_column(sa.String(30))
    place: Mapped[str] = mapped_column(sa.String(60))
    count: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(sa.String(300), default="")
    last_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("plugin", "place"),)
