"""Tables of billing. Amounts are whole fen; a saved tariff and a charge are never changed, only followed."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import BigInt, Pk, PublicId, TwoPartyMixin, plugin_base

Base = plugin_base("billing")
ANY_READER, ANY_MODALITY = 0, ""


class Tariff(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """One version of a connection's prices. The highest is in force; a request keeps the one it was submitted under.

    :cvar urgent_percent: what an urgent request costs of a normal one, per cent
    :cvar diagnosis_percent: the writing reader's share, per cent; the rest is the reviewer's
    """

    __tablename__ = "billing_tariff"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    version: Mapped[int]
    urgent_percent: Mapped[int]
    diagnosis_percent: Mapped[int]
    made_by: Mapped[int] = mapped_column(BigInt)
    made_name: Mapped[str] = mapped_column(sa.String(60))
    made_at: Mapped[datetime]
    __table_args__ = (
        sa.UniqueConstraint("link_id", "version", name="uq_billing_tariff_version"),
        sa.Index("ix_billing_tariff_group", "group_id", "link_id"),
        sa.Index("ix_billing_tariff_hospital", "hospital_id", "link_id"),
        sa.CheckConstraint("urgent_percent >= 100", name="urgent"),
        sa.CheckConstraint("diagnosis_percent >= 0 AND diagnosis_percent <= 100", name="split"),
    )


class TariffLine(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """A fee per body part. ``reader`` 0 is any reader, ``modality`` empty any modality; each tariff has the line of both."""

    __tablename__ = "billing_tariff_line"
    id: Mapped[Pk]
    tariff_id: Mapped[int] = mapped_column(BigInt, sa.ForeignKey("billing_tariff.id", ondelete="RESTRICT"))
    reader: Mapped[int] = mapped_column(BigInt, default=ANY_READER)
    reader_name: Mapped[str] = mapped_column(sa.String(60), default="")
    modality: Mapped[str] = mapped_column(sa.String(16), default=ANY_MODALITY)
    fen: Mapped[int]
    __table_args__ = (
        sa.UniqueConstraint("tariff_id", "reader", "modality", name="uq_billing_tariff_line"),
        sa.CheckConstraint("fen >= 0", name="fen"),
    )


class ChargeRow(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """A line that is owed, or takes one back.

    :cvar reverses: id of the line this one takes back; its ``fen`` is negative
    :cvar reversed_at: since when a line is taken back; what stands has none, once per request, code and share
    """

    __tablename__ = "billing_charge"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    request_id: Mapped[int] = mapped_column(BigInt)
    request_public_id: Mapped[str] = mapped_column(sa.String(26))
    report_n: Mapped[int]
    code: Mapped[str] = mapped_column(sa.String(60))
    share: Mapped[str] = mapped_column(sa.String(10))
    fen: Mapped[int]
    rule: Mapped[str] = mapped_column(sa.String(100))
    tariff_version: Mapped[int]
    person: Mapped[int | None] = mapped_column(BigInt)
    made_at: Mapped[datetime]
    reverses: Mapped[int | None] = mapped_column(BigInt, sa.ForeignKey("billing_charge.id", ondelete="RESTRICT"))
    reversed_at: Mapped[datetime | None]
    __table_args__ = (
        sa.Index(
            "uq_billing_charge_standing",
            "request_id",
            "code",
            "share",
            unique=True,
            sqlite_where=sa.text("reverses IS NULL AND reversed_at IS NULL"),
            postgresql_where=sa.text("reverses IS NULL AND reversed_at IS NULL"),
        ),
        sa.UniqueConstraint("reverses", name="uq_billing_charge_reverses"),
        sa.CheckConstraint("(reverses IS NULL) = (fen >= 0) OR fen = 0", name="sign"),
        sa.Index("ix_billing_charge_request", "request_id", "id"),
        sa.Index("ix_billing_charge_group", "group_id", "made_at", "id"),
        sa.Index("ix_billing_charge_hospital", "hospital_id", "made_at", "id"),
    )
