"""Studies as a ctx sees them: its own, and for a group those granted to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from core.access import openings
from core.studies import captures, queries, reveal
from core.studies.models import Instance, Series, Study
from plugin_sdk import masking
from plugin_sdk.errors import NotFound
from plugin_sdk.types import CaptureView, Opening, StudyFacts

if TYPE_CHECKING:
    from core.host.context import TenantCtx
    from plugin_sdk.panels import Period
    from plugin_sdk.reveal import Purpose

STATUSES = frozenset({"normal", "requested", "completed"})


class StudyService:
    """Implements :class:`plugin_sdk.types.Studies`."""

    def __init__(self, ctx: TenantCtx) -> None:
        self.ctx = ctx

    def own(self, public_id: str) -> StudyFacts:
        """A study of this tenant. :raise NotFound: none, another tenant's, or in the recycle bin"""
        return facts_of(queries.by_public_id(self.ctx, public_id))

    def facts(self, study_id: int) -> StudyFacts:
        """A study by its internal id: this tenant's own. :raise NotFound:"""
        return facts_of(self._row(study_id))

    def lock_row(self, study_id: int) -> StudyFacts:
        """Read a study for change: on PostgreSQL its row stays locked until the commit.

        What this session read before it waited for the lock is read again.
        """
        row = self.ctx.db.scalars(
            sa.select(Study).where(Study.id == study_id).with_for_update(of=Study).execution_options(populate_existing=True)
        ).one_or_none()
        if row is None or row.trashed_at is not None:
            raise NotFound
        return facts_of(self._row(study_id))

    def set_status(self, study_id: int, status: str) -> None:
        """Write the projection. Only the workflow's provider calls this, in the transition's transaction."""
        if status not in STATUSES:
            raise ValueError(status)
        self.ctx.db.execute(sa.update(Study).where(Study.id == study_id).values(status=status))

    def instance_uids(self, study_id: int) -> Sequence[str]:
        """SOP Instance UIDs shown, sorted: what a report is about."""
        return self.ctx.db.scalars(
            sa.select(Instance.sop_uid)
            .join(Series, Series.id == Instance.series_id)
            .where(Series.study_id == study_id, Instance.rank == 0)
            .order_by(Instance.sop_uid)
        ).all()

    def open_images(self, study_ids: Sequence[int]) -> Opening:
        return openings.open_images(self.ctx, study_ids)

    def opened(self, access: str, uids: Sequence[str] = ()) -> Sequence[StudyFacts]:
        from core.studies import tools

        return tools.opened(self.ctx, access, uids)

    def received(self, period: Period) -> Sequence[tuple[date, str, int]]:
        """Studies of this tenant by the day they came and by modality; one with two modalities counts in both."""
        return queries.received(self.ctx, period.first, period.last)

    def reveal(self, study_id: int, field: str, *, purpose: Purpose, ref: str) -> str:
        return reveal.reveal(self.ctx, study_id, field, purpose=purpose, ref=ref)

    def captures(self, study_id: int, ids: Sequence[str] | None = None) -> Sequence[CaptureView]:
        return captures.views(self.ctx, study_id, ids)

    def read_capture(self, study_id: int, capture_id: str) -> tuple[bytes, str]:
        """Bytes and media type. :raise NotFound: none that the ctx may see"""
        return captures.read(self.ctx, study_id, capture_id)

    def add_capture(
        self, study_id: int, *, data: bytes, sop: str, frame: int, caption: str
    ) -> CaptureView:
        return captures.add(self.ctx, study_id, data=data, sop=sop, frame=frame, caption=caption)

    def _row(self, study_id: int) -> Study:
        row = self.ctx.db.scalars(
            sa.select(Study)
            .options(joinedload(Study.patient))
            .where(Study.id == study_id)
            .execution_options(populate_existing=True)
        ).one_or_none()
        if row is None:
            raise NotFound
        return row


def facts_of(row: Study) -> StudyFacts:
    patient = row.patient
    return StudyFacts(
        id=row.id,
        public_id=row.public_id,
        uid=row.uid,
        tenant_id=row.tenant_id,
        patient_id=patient.pid,
        name=patient.name,
        pinyin=patient.pinyin,
        sex=patient.sex,
        age=row.age,
        birth_date=patient.birth_date.isoformat() if patient.birth_date else "",
        accession_number=row.accession,
        modalities=tuple(row.modalities.split("/")) if row.modalities else (),
        body_part=row.body_part,
        description=row.description,
        institution_name=row.institution,
        department=row.department,
        physician=row.physician,
        device=row.device,
        study_at=row.study_at,
        n_series=row.n_series,
        n_instances=row.n_instances,
        status=row.status,
        locked=row.locked_by is not None,
        complete=row.complete_at is not None,
        phone=masking.phone(patient.phone),
    )


