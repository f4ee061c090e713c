"""Reading studies in scope."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import contains_eager

from core.studies.models import Instance, Patient, Series, Study, StudyModality
from plugin_sdk.errors import NotFound
from plugin_sdk.types import RowKey

if TYPE_CHECKING:
    from core.host.context import TenantCtx


def studies(ctx: Any) -> sa.Select[Any]:
    """Studies that are not in the recycle bin, with their patient."""
    return (
        sa.select(Study).join(Study.patient).options(contains_eager(Study.patient)).where(Study.trashed_at.is_(None))
    )


def by_public_id(ctx: TenantCtx, public_id: str) -> Study:
    """:raise NotFound: no such study of this tenant"""
    row: Study | None = ctx.db.scalars(studies(ctx).where(Study.public_id == public_id)).one_or_none()
    if row is None:
        raise NotFound
    return row


def row_key(row: Study) -> RowKey:
    return RowKey(id=row.id, study_id=row.id, hospital_id=row.tenant_id)


def series_of(ctx: TenantCtx, study_id: int) -> Sequence[Series]:
    """In the order of the device: by number, then as they came."""
    return ctx.db.scalars(
        sa.select(Series).where(Series.study_id == study_id).order_by(Series.number.nulls_last(), Series.id)
    ).all()


def series_by_uid(ctx: TenantCtx, study_id: int, uid: str) -> Series:
    """:raise NotFound: no series of this UID in the study"""
    row = ctx.db.scalars(sa.select(Series).where(Series.study_id == study_id, Series.uid == uid)).one_or_none()
    if row is None:
        raise NotFound
    return row


def counts(ctx: TenantCtx, series_ids: Sequence[int]) -> Mapping[int, int]:
    """Shown instances per series, counted now."""
    rows = ctx.db.execute(
        sa.select(Instance.series_id, sa.func.count())
        .where(Instance.series_id.in_(series_ids), Instance.rank == 0)
        .group_by(Instance.series_id)
    )
    return {series_id: n for series_id, n in rows}


def by_patient_name(value: str) -> sa.ColumnElement[bool]:
    """Part of a name, or the start of its pinyin; ``%`` and ``_`` are letters. One character is a prefix only."""
    text = value.strip()
    if len(text) == 1:
        return sa.or_(Patient.name.startswith(text, autoescape=True), Patient.pinyin.startswith(text.lower(), autoescape=True))
    return sa.or_(
        Patient.name.contains(text, autoescape=True), Patient.pinyin.startswith(text.lower().replace(" ", ""), autoescape=True)
    )


def numbers(ctx: TenantCtx, *, ids: Collection[str] = (), number: str = "") -> Mapping[str, str]:
    """Exam numbers of studies, or the studies that have one."""
    where = Study.accession == number if number else Study.public_id.in_(ids)
    rows = ctx.db.execute(sa.select(Study.public_id, Study.accession).where(where))
    return {public_id: accession for public_id, accession in rows}


def received(ctx: TenantCtx, first: date, last: date) -> Sequence[tuple[date, str, int]]:
    """Studies by day of upload (the tenant's days) and modality, in that order; those in the bin do not count."""
    rows = ctx.db.execute(
        sa.select(Study.uploaded_day, StudyModality.modality, sa.func.count())
        .join(StudyModality, sa.and_(StudyModality.tenant_id == Study.tenant_id, StudyModality.study_id == Study.id))
        .where(Study.uploaded_day.between(first, last), Study.trashed_at.is_(None))
        .group_by(Study.uploaded_day, StudyModality.modality)
        .order_by(Study.uploaded_day, StudyModality.modality)
    )
    return [(day, modality, n) for day, modality, n in rows]
