"""Tables: a tariff per connection in versions, its lines, and what was charged. Amounts are whole fen."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import BigInt, Pk, PublicId, TwoPartyMixin, plugin_base

Base = plugin_base("example_tariff_sheet")


class Tariff(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """A sheet as it was read. Without ``version`` it is a draft that waits for 保存; with one it is never changed again.

    ``base`` is the version that was in force when it was uploaded, 0 for none.
    """

    __tablename__ = "example_tariff_sheet_tariff"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    version: Mapped[int | None]
    base: Mapped[int]
    file_name: Mapped[str] = mapped_column(sa.String(200))
    made_by: Mapped[int] = mapped_column(BigInt)
    made_name: Mapped[str] = mapped_column(sa.String(60))
    made_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("link_id", "version", name="uq_example_tariff_sheet_tariff_version"),)


class Line(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """A row of the sheet: fen per part. An empty ``modality`` or ``part`` is any."""

    __tablename__ = "example_tariff_sheet_line"
    id: Mapped[Pk]
    tariff_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("example_tariff_sheet_tariff.id", ondelete="CASCADE"))
    modality: Mapped[str] = mapped_column(sa.String(16))
    part: Mapped[str] = mapped_column(sa.String(60))
    normal: Mapped[int]
    urgent: Mapped[int]
    review_percent: Mapped[int]
    __table_args__ = (
        sa.UniqueConstraint("tariff_id", "modality", "part", name="uq_example_tariff_sheet_line_row"),
        sa.CheckConstraint("normal >= 0 AND urgent >= 0", name="fen"),
        sa.CheckConstraint("review_percent >= 0 AND review_percent <= 100", name="percent"),
    )


class ChargeRow(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """A line that is owed or, with ``reversal``, taken back: once per request, version of the report, part and share.

    ``request_id`` is another plugin's row, so it is a number and no foreign key.
    """

    __tablename__ = "example_tariff_sheet_charge"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    request_id: Mapped[int] = mapped_column(BigInt)
    report_n: Mapped[int]
    code: Mapped[str] = mapped_column(sa.String(60))
    share: Mapped[str] = mapped_column(sa.String(10))
    reversal: Mapped[bool]
    fen: Mapped[int]
    rule: Mapped[str] = mapped_column(sa.String(100))
    tariff_version: Mapped[int]
    person: Mapped[int | None] = mapped_column(BigInt)
    made_at: Mapped[datetime]
    __table_args__ = (
        sa.UniqueConstraint("request_id", "report_n", "code", "share", "reversal", name="uq_example_tariff_sheet_charge_once"),
        sa.CheckConstraint("(reversal AND fen <= 0) OR (NOT reversal AND fen >= 0)", name="sign"),
    )
