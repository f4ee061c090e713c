"""Patient, study, series, instance: what arrived, insert-only; counts are recounted, never added to."""

from __future__ import annotations

from datetime import date, datetime, time

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from plugin_sdk.db import Base, BigInt, Pk, PublicId, Sha256, TenantMixin, Uid, same_tenant


class Patient(Base, TenantMixin):
    """Identity is (tenant, issuer, pid) and agreement of name or birth date; disagreement makes the next ``seq``."""

    __tablename__ = "patient"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    issuer: Mapped[str] = mapped_column(sa.String(64), default="")
    pid: Mapped[str] = mapped_column(sa.String(64))
    seq: Mapped[int] = mapped_column(default=0)
    name: Mapped[str] = mapped_column(sa.String(200))
    name_raw: Mapped[bytes | None]
    charset: Mapped[str] = mapped_column(sa.String(60), default="")
    pinyin: Mapped[str] = mapped_column(sa.String(200), default="")
    sex: Mapped[str] = mapped_column(sa.String(10), default="")
    birth_date: Mapped[date | None]
    phone: Mapped[str] = mapped_column(sa.String(40), default="")
    reconcile: Mapped[bool] = mapped_column(default=False)
    merged_into: Mapped[int | None] = mapped_column(BigInt)
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "issuer", "pid", "seq"),
        sa.UniqueConstraint("tenant_id", "id"),
        sa.Index("ix_patient_pid", "tenant_id", "pid", "id"),
        sa.Index("ix_patient_pinyin", "tenant_id", "pinyin", "id"),
    )


class Study(Base, TenantMixin):
    """A study of one hospital. ``public_id`` is 数据ID. ``status`` is a projection that only the workflow writes.

    ``study_date``/``study_time`` are the modality's wall clock; ``study_at`` is the same as sortable text, '' if none.
    """

    __tablename__ = "study"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    uid: Mapped[Uid]
    patient_id: Mapped[int] = mapped_column(BigInt)
    accession: Mapped[str] = mapped_column(sa.String(64), default="")
    study_date: Mapped[date | None]
    study_time: Mapped[time | None]
    study_at: Mapped[str] = mapped_column(sa.String(19), default="")
    description: Mapped[str] = mapped_column(sa.String(200), default="")
    body_part: Mapped[str] = mapped_column(sa.String(100), default="")
    institution: Mapped[str] = mapped_column(sa.String(200), default="")
    department: Mapped[str] = mapped_column(sa.String(100), default="")
    physician: Mapped[str] = mapped_column(sa.String(200), default="")
    device: Mapped[str] = mapped_column(sa.String(200), default="")
    age: Mapped[str] = mapped_column(sa.String(10), default="")
    source_id: Mapped[int | None] = mapped_column(BigInt)
    uploaded_by: Mapped[int] = mapped_column(BigInt, default=0)
    uploader: Mapped[str] = mapped_column(sa.String(60), default="")
    uploaded_at: Mapped[datetime]
    uploaded_day: Mapped[date]
    n_series: Mapped[int] = mapped_column(default=0)
    n_instances: Mapped[int] = mapped_column(default=0)
    bytes: Mapped[int] = mapped_column(default=0)
    modalities: Mapped[str] = mapped_column(sa.String(100), default="")
    status: Mapped[str] = mapped_column(sa.String(20), default="normal")
    complete_at: Mapped[datetime | None]
    conflicted: Mapped[bool] = mapped_column(default=False)
    locked_by: Mapped[int | None] = mapped_column(BigInt)
    locked_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=0)
    trashed_at: Mapped[datetime | None]
    patient: Mapped[Patient] = relationship(lazy="raise", viewonly=True)
    __table_args__ = (
        sa.UniqueConstraint("tenant_id", "uid"),
        sa.UniqueConstraint("tenant_id", "id"),
        same_tenant("patient", "patient_id"),
        same_tenant("source", "source_id"),
        sa.Index("ix_study_uploaded", "tenant_id", "uploaded_at", "id"),
        sa.Index("ix_study_study_at", "tenant_id", "study_at", "id"),
        sa.Index("ix_study_status", "tenant_id", "status", "uploaded_at", "id"),
        sa.Index("ix_study_day", "tenant_id", "uploaded_day", "status", "bytes"),
        sa.Index("ix_study_accession", "tenant_id", "accession", "id"),
        sa.Index("ix_study_modalities", "tenant_id", "modalities", "id"),
        sa.Index("ix_study_series", "tenant_id", "n_series", "id"),
        sa.Index("ix_study_instances", "tenant_id", "n_instances", "id"),
        sa.Index("ix_study_uploader", "tenant_id", "uploader", "id"),
        sa.Index("ix_study_state", "tenant_id", "status", "id"),
        sa.Index("ix_study_patient", "patient_id"),
    )


class StudyModality(Base, TenantMixin):
    """One row per modality of a study, so that a list by modality walks an index."""

    __tablename__ = "study_modality"
    study_id: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    modality: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    study_at: Mapped[str] = mapped_column(sa.String(19), default="")
    uploaded_at: Mapped[datetime]
    __table_args__ = (
        same_tenant("study", "study_id", ondelete="CASCADE"),
        sa.Index("ix_study_modality_uploaded", "tenant_id", "modality", "uploaded_at", "study_id"),
        sa.Index("ix_study_modality_study_at", "tenant_id", "modality", "study_at", "study_id"),
    )


class Series(Base, TenantMixin):
    """A series. ``hidden`` keeps it from the diagnosis side and from shared links."""

    __tablename__ = "series"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    study_id: Mapped[int] = mapped_column(BigInt)
    uid: Mapped[Uid]
    modality: Mapped[str] = mapped_column(sa.String(16), default="")
    number: Mapped[int | None]
    description: Mapped[str] = mapped_column(sa.String(200), default="")
    body_part: Mapped[str] = mapped_column(sa.String(100), default="")
    series_at: Mapped[str] = mapped_column(sa.String(19), default="")
    n_instances: Mapped[int] = mapped_column(default=0)
    meta_version: Mapped[int] = mapped_column(default=0)
    hidden: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (
        sa.UniqueConstraint("study_id", "uid"),
        sa.UniqueConstraint("tenant_id", "id"),
        same_tenant("study", "study_id"),
    )


class Instance(Base, TenantMixin):
    """One stored object. ``rank`` 0 is shown; other bytes under the same UID are kept with rank 1 and up.

    ``pixel_offset``/``pixel_length`` place the pixel data in the file; ``frames`` holds (offset, length) pairs of
    encapsulated frames as little-endian u64, null for native pixel data. ``meta`` is gzipped DICOM JSON without bulk.
    """

    __tablename__ = "instance"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    series_id: Mapped[int] = mapped_column(BigInt)
    sop_uid: Mapped[Uid]
    sop_class: Mapped[Uid]
    transfer_syntax: Mapped[Uid]
    number: Mapped[int | None]
    blob_id: Mapped[int] = mapped_column(BigInt, index=True)
    data_sha256: Mapped[Sha256]
    n_frames: Mapped[int] = mapped_column(default=0)
    rank: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime]
    __table_args__ = (
        sa.UniqueConstraint("series_id", "sop_uid", "data_sha256"),
        sa.UniqueConstraint("tenant_id", "id"),
        sa.Index(
            "uq_instance_shown",
            "series_id",
            "sop_uid",
            unique=True,
            sqlite_where=sa.text("rank = 0"),
            postgresql_where=sa.text("rank = 0"),
        ),
        sa.Index("ix_instance_sop", "tenant_id", "sop_uid"),
        same_tenant("series", "series_id"),
        same_tenant("blob", "blob_id"),
    )


class InstanceFrames(Base, TenantMixin):
    """Where an instance's pixels are, and its header as gzipped DICOM JSON (PS3.18 F) without bulk data."""

    __tablename__ = "instance_frames"
    instance_id: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    pixel_offset: Mapped[int] = mapped_column(default=0)
    pixel_length: Mapped[int] = mapped_column(default=0)
    offsets: Mapped[bytes | None]
    meta: Mapped[bytes]
    __table_args__ = (same_tenant("instance", "instance_id", ondelete="CASCADE"),)


class SeriesMeta(Base, TenantMixin):
    """A series' metadata, ready to send: gzipped JSON array. Stale when ``version`` is behind the series'."""

    __tablename__ = "series_meta"
    series_id: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    version: Mapped[int]
    gz: Mapped[bytes]
    __table_args__ = (same_tenant("series", "series_id", ondelete="CASCADE"),)


class Capture(Base, TenantMixin):
    """A key image that a person took in the viewer. ``frame`` is 1-based, 0 when unknown."""

    __tablename__ = "capture"
    id: Mapped[Pk]
    public_id: Mapped[PublicId]
    study_id: Mapped[int] = mapped_column(BigInt, index=True)
    file_id: Mapped[int] = mapped_column(BigInt)
    sha256: Mapped[Sha256]
    sop_uid: Mapped[str] = mapped_column(sa.String(64), default="")
    frame: Mapped[int] = mapped_column(default=0)
    caption: Mapped[str] = mapped_column(sa.String(100), default="")
    origin: Mapped[str] = mapped_column(sa.String(10))
    created_by: Mapped[int] = mapped_column(BigInt)
    created_at: Mapped[datetime]
    __table_args__ = (same_tenant("study", "study_id"), same_tenant("file", "file_id"))
