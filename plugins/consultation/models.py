"""Tables of consultation. A request is shared by two parties; its children hang on it and carry the same parties."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.consultation import Event, State, Urgency, VersionStatus
from plugin_sdk.db import BigInt, OpenEnum, Pk, PublicId, TwoPartyMixin, plugin_base

Base = plugin_base("consultation")


def _request_id(**kw: Any) -> Any:
    return mapped_column(BigInt, sa.ForeignKey("consultation_request.id", ondelete="RESTRICT"), **kw)


class Request(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """A request for a report. ``snapshot`` columns hold what lists show, so that no list joins core's tables.

    ``version`` moves with each transition and with nothing else. ``claim_until`` is the hold, ``claim_seen`` presence.
    ``work_rank`` sorts the pending list: urgent first, then by due time. ``author_until``: until then only the author
    may open a report that came back. ``quote`` is the price at submission with whoever named it, none where nobody did.
    """

    __tablename__ = "consultation_request"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    study_id: Mapped[int] = mapped_column(BigInt)
    study_public_id: Mapped[str] = mapped_column(sa.String(26))
    parent_id: Mapped[int | None] = mapped_column(BigInt, sa.ForeignKey("consultation_request.id"))
    state: Mapped[Any] = mapped_column(OpenEnum(State))
    version: Mapped[int] = mapped_column(default=1)
    urgency: Mapped[Any] = mapped_column(OpenEnum(Urgency))
    purpose: Mapped[str] = mapped_column(sa.Text, default="")
    requester: Mapped[int] = mapped_column(BigInt)
    requester_name: Mapped[str] = mapped_column(sa.String(60))
    reader_named: Mapped[int | None] = mapped_column(BigInt)
    reader: Mapped[int | None] = mapped_column(BigInt)
    reader_name: Mapped[str] = mapped_column(sa.String(60), default="")
    reviewer: Mapped[int | None] = mapped_column(BigInt)
    reviewer_name: Mapped[str] = mapped_column(sa.String(60), default="")
    hospital_name: Mapped[str] = mapped_column(sa.String(100))
    group_name: Mapped[str] = mapped_column(sa.String(100))
    exam_no: Mapped[str] = mapped_column(sa.String(64), default="")
    pid: Mapped[str] = mapped_column(sa.String(64), default="")
    name: Mapped[str] = mapped_column(sa.String(200), default="")
    pinyin: Mapped[str] = mapped_column(sa.String(200), default="")
    sex: Mapped[str] = mapped_column(sa.String(10), default="")
    age: Mapped[str] = mapped_column(sa.String(10), default="")
    modality: Mapped[str] = mapped_column(sa.String(100), default="")
    device: Mapped[str] = mapped_column(sa.String(200), default="")
    study_at: Mapped[str] = mapped_column(sa.String(19), default="")
    part_names: Mapped[str] = mapped_column(sa.String(200), default="")
    n_instances: Mapped[int] = mapped_column(default=0)
    requested_at: Mapped[datetime]
    due_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    approved_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    printed_at: Mapped[datetime | None]
    adjusted_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    moved_at: Mapped[datetime]
    sealed_version: Mapped[int | None]
    claim_user: Mapped[int | None] = mapped_column(BigInt)
    claim_name: Mapped[str] = mapped_column(sa.String(60), default="")
    claim_until: Mapped[datetime | None]
    claim_seen: Mapped[datetime | None]
    author_until: Mapped[datetime | None]
    tariff_version: Mapped[int | None]
    quote: Mapped[dict[str, Any] | None]
    work_rank: Mapped[str] = mapped_column(sa.String(30))
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["hospital_id", "study_id"], ["study.tenant_id", "study.id"], ondelete="RESTRICT", name="fk_consultation_study"
        ),
        sa.Index(
            "uq_consultation_open",
            "study_id",
            "group_id",
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        ),
        sa.Index("ix_consultation_work", "group_id", "state", "work_rank", "id"),
        sa.Index("ix_consultation_group_at", "group_id", "requested_at", "id"),
        sa.Index("ix_consultation_hospital_at", "hospital_id", "requested_at", "id"),
        sa.Index("ix_consultation_hospital_state", "hospital_id", "state", "requested_at", "id"),
        sa.Index("ix_consultation_study", "study_id"),
        sa.Index(
            "ix_consultation_claim",
            "claim_until",
            sqlite_where=sa.text("claim_user IS NOT NULL"),
            postgresql_where=sa.text("claim_user IS NOT NULL"),
        ),
    )


class Part(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """A body part asked about."""

    __tablename__ = "consultation_part"
    id: Mapped[Pk]
    request_id: Mapped[int] = _request_id()
    name: Mapped[str] = mapped_column(sa.String(60))
    category: Mapped[str] = mapped_column(sa.String(60), default="")
    count: Mapped[int] = mapped_column(default=1)
    rule: Mapped[str] = mapped_column(sa.String(200), default="")
    __table_args__ = (sa.UniqueConstraint("request_id", "name", name="uq_consultation_part"),)


class Draft(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """The text being written. ``rev`` moves with each save and is what a stale tab is told apart by."""

    __tablename__ = "consultation_draft"
    request_id: Mapped[int] = _request_id(primary_key=True, autoincrement=False)
    rev: Mapped[int] = mapped_column(default=0)
    author: Mapped[int] = mapped_column(BigInt)
    findings: Mapped[str] = mapped_column(sa.Text, default="")
    impression: Mapped[str] = mapped_column(sa.Text, default="")
    positive: Mapped[bool | None]
    images: Mapped[list[str]] = mapped_column(default=list)
    reason: Mapped[str] = mapped_column(sa.Text, default="")
    saved_by: Mapped[int] = mapped_column(BigInt)
    saved_name: Mapped[str] = mapped_column(sa.String(60), default="")
    saved_at: Mapped[datetime]


class Aside(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """A text that its writer gave up for another one: theirs alone for 30 days, one row per text (``sha256``)."""

    __tablename__ = "consultation_aside"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    request_id: Mapped[int] = _request_id()
    by: Mapped[int] = mapped_column(BigInt)
    findings: Mapped[str] = mapped_column(sa.Text, default="")
    impression: Mapped[str] = mapped_column(sa.Text, default="")
    positive: Mapped[bool | None]
    images: Mapped[list[str]] = mapped_column(default=list)
    sha256: Mapped[str] = mapped_column(sa.String(64))
    at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("request_id", "by", "sha256", name="uq_consultation_aside"),)


class ReportVersion(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """A numbered text. Sealed ones carry the digest of names.md; none is ever changed but in ``status``."""

    __tablename__ = "consultation_report_version"
    id: Mapped[Pk]
    request_id: Mapped[int] = _request_id()
    n: Mapped[int]
    status: Mapped[Any] = mapped_column(OpenEnum(VersionStatus))
    findings: Mapped[str] = mapped_column(sa.Text)
    impression: Mapped[str] = mapped_column(sa.Text)
    positive: Mapped[bool | None]
    images: Mapped[list[Any]] = mapped_column(default=list)
    author: Mapped[int] = mapped_column(BigInt)
    reviewer: Mapped[int | None] = mapped_column(BigInt)
    written_at: Mapped[datetime]
    sealed_at: Mapped[datetime | None]
    sha256: Mapped[str] = mapped_column(sa.String(64), default="")
    prev_sha256: Mapped[str] = mapped_column(sa.String(64), default="")
    sop_set: Mapped[str] = mapped_column(sa.String(64), default="")
    reason: Mapped[str] = mapped_column(sa.Text, default="")
    __table_args__ = (
        sa.UniqueConstraint("request_id", "n", name="uq_consultation_report_n"),
        sa.Index(
            "uq_consultation_report_sealed",
            "request_id",
            unique=True,
            sqlite_where=sa.text("status = 'sealed'"),
            postgresql_where=sa.text("status = 'sealed'"),
        ),
    )


class Entry(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """One line of a request's history."""

    __tablename__ = "consultation_entry"
    id: Mapped[Pk]
    request_id: Mapped[int] = _request_id()
    at: Mapped[datetime]
    event: Mapped[Any] = mapped_column(OpenEnum(Event))
    before: Mapped[str] = mapped_column(sa.String(40), default="")
    after: Mapped[str] = mapped_column(sa.String(40))
    by: Mapped[int] = mapped_column(BigInt)
    by_name: Mapped[str] = mapped_column(sa.String(60), default="")
    side: Mapped[str] = mapped_column(sa.String(10))
    reason: Mapped[str] = mapped_column(sa.Text, default="")
    version: Mapped[int]
    report_n: Mapped[int | None]
    __table_args__ = (sa.UniqueConstraint("request_id", "version", "event", name="uq_consultation_entry"),)


class Document(Base, TwoPartyMixin):  # type: ignore[misc, valid-type]
    """A PDF of a sealed version: ``preview saved superseded void failed``; at most one is live."""

    __tablename__ = "consultation_document"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    request_id: Mapped[int] = _request_id()
    version_n: Mapped[int]
    template_ref: Mapped[str] = mapped_column(sa.String(80), default="standard")
    file_id: Mapped[str] = mapped_column(sa.String(26), default="")
    sha256: Mapped[str] = mapped_column(sa.String(64), default="")
    state: Mapped[str] = mapped_column(sa.String(12))
    made_at: Mapped[datetime]
    saved_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]
    __table_args__ = (
        sa.Index(
            "uq_consultation_document_live",
            "request_id",
            unique=True,
            sqlite_where=sa.text("state in ('preview','saved')"),
            postgresql_where=sa.text("state in ('preview','saved')"),
        ),
    )
