"""What a person chose to see in a list."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Base, BigInt


class ListColumns(Base):
    """The columns that an account shows in a list, in order."""

    __tablename__ = "list_columns"
    account_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    list_name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    columns: Mapped[list[str]]
