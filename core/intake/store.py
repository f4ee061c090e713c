"""The quick half of ingest: rows for objects whose bytes are durable, inside one short transaction.

Insert-only: what is stored is never changed by what arrives later. Callers go through `core.intake.ingest`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from core import clock
from core.intake import outcomes, patients, queries
from core.intake.counts import recount
from core.intake.models import HeldItem
from core.intake.outcomes import Outcome
from core.intake.prepare import Image, Ready
from core.store.models import Blob
from core.studies.models import Instance, InstanceFrames, Series, Study
from core.tenancy.sessions import insert_missing
from plugin_sdk.dicom.header import Header
from plugin_sdk.events import StudyChanged
from plugin_sdk.types import Hold, IngestItem

if TYPE_CHECKING:
    from core.host.context import TenantCtx

KEYWORDS = {
    "PatientID": "patient_id", "IssuerOfPatientID": "issuer", "PatientName": "name", "PatientSex": "sex",
    "PatientBirthDate": "birth_date", "AccessionNumber": "accession", "StudyDate": "study_date",
    "StudyTime": "study_time", "StudyDescription": "study_description", "StudyInstanceUID": "study_uid",
    "SeriesInstanceUID": "series_uid", "SOPInstanceUID": "sop_uid", "SOPClassUID": "sop_class", "Modality": "modality",
    "BodyPartExamined": "body_part", "SeriesDescription": "series_description", "InstitutionName": "institution",
    "InstitutionalDepartmentName": "department", "StationName": "station", "Manufacturer": "manufacturer",
    "ManufacturerModelName": "model", "ReferringPhysicianName": "referring_physician",
}
FIXED = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"})
"""What identifies an object is not for plugins to change."""


class Changed(Exception):
    """Rows moved between looking and writing: roll back and prepare the item again."""


@dataclass
class Transaction:
    """Objects of one study on their way in; :meth:`finish` recounts what they touched."""

    ctx: TenantCtx
    study: Study | None = None
    series: set[int] = field(default_factory=set)
    added: int = 0

    def add(self, item: Ready) -> Outcome:
        """:raise Changed: look at the item again, in a new transaction"""
        if item.image is None:
            return self._hold(item, item.reason, item.detail)
        header, hold = self._asked(item, item.image)
        if hold is not None:
            return self._hold(item, hold.reason, hold.text)
        self.study = self.study or self._study(header)
        if reason := contradiction(self.study, header):
            return self._hold(item, reason, "", self.study)
        return self._instance(item, item.image, header, self.study)

    def finish(self) -> None:
        if self.study is None or not self.series:
            return
        recount(self.ctx.db, self.study, self.series)
        if self.study.complete_at is not None:
            self.ctx.emit(
                StudyChanged(study_id=self.study.id, series_ids=tuple(sorted(self.series)), added=self.added)
            )

    def _asked(self, item: Ready, image: Image) -> tuple[Header, Hold | None]:
        """Ask the plugins; what they changed of the header counts for the rows, the bytes stay."""
        asked = IngestItem(
            header={word: getattr(image.header, name) for word, name in KEYWORDS.items()}, source_id=item.source_id,
            sha256=item.sha256, data_sha256=item.data_sha256, size=item.size,
        )
        answer = self.ctx.hooks.ingest(self.ctx, asked)
        if isinstance(answer, Hold):
            known = answer.reason if answer.reason == "plugin_failed" else "plugin"
            return image.header, Hold(reason=known, text=answer.text)
        changed: dict[str, Any] = {
            KEYWORDS[word]: value
            for word, value in answer.header.items()
            if word in KEYWORDS.keys() - FIXED and value != asked.header[word]
        }
        if "name" in changed:
            changed["name_pn"] = changed["name"]
        return replace(image.header, **changed), None

    def _study(self, header: Header) -> Study:
        """Find the study or make it; its row stays locked (PostgreSQL), so its objects come one after the other."""
        found = self._locked(header.study_uid)
        if found is None:
            patient = patients.place(self.ctx.db, header)
            insert_missing(self.ctx.db, Study, **self._columns(header), patient_id=patient.id)
            found = self._locked(header.study_uid)
        if found is None:
            raise Changed
        return found

    def _locked(self, uid: str) -> Study | None:
        return self.ctx.db.scalars(
            sa.select(Study).where(Study.uid == uid).options(joinedload(Study.patient))
            .with_for_update(of=Study, key_share=True)
        ).one_or_none()

    def _columns(self, header: Header) -> dict[str, Any]:
        at, user = clock.now(), self.ctx.user
        return {
            "uid": header.study_uid,
            "accession": header.accession[:64],
            "study_date": header.study_date,
            "study_time": header.study_time,
            "study_at": _sortable(header.study_date, header.study_time),
            "description": header.study_description[:200],
            "body_part": header.body_part[:100],
            "institution": header.institution[:200],
            "department": header.department[:100],
            "physician": header.referring_physician[:200],
            "device": (header.device or header.station)[:200],
            "age": header.age[:10],
            "uploaded_by": user.id if user else 0,
            "uploader": user.name[:60] if user else "",
            "uploaded_at": at,
            "uploaded_day": clock.local(at, self.ctx.tenant.zone).date(),
        }

    def _series(self, header: Header, study: Study) -> int:
        there = sa.select(Series.id).where(Series.study_id == study.id, Series.uid == header.series_uid)
        found = self.ctx.db.scalar(there) or insert_missing(
            self.ctx.db, Series, study_id=study.id, uid=header.series_uid, modality=header.modality[:16],
            number=header.series_number, description=header.series_description[:200],
            body_part=header.body_part[:100], series_at=_sortable(header.series_date, header.series_time),
        ) or self.ctx.db.scalar(there)
        if found is None:
            raise Changed
        return int(found)

    def _instance(self, item: Ready, image: Image, header: Header, study: Study) -> Outcome:
        known = queries.same_sop(self.ctx.db, study.uid, header.series_uid, header.sop_uid)
        if any(k.data_sha256 == item.data_sha256 for k in known):
            return _of(study, outcomes.DUPLICATE, "same_bytes")
        if item.same_as is not None and any(k.id == item.same_as for k in known):
            return _of(study, outcomes.DUPLICATE, "same_content")
        if item.same_as is not None or any(k.id not in item.seen for k in known):
            raise Changed
        blob = self._blob(item)
        series_id = self._series(header, study)
        rank = max((k.rank for k in known), default=-1) + 1
        row_id = insert_missing(
            self.ctx.db, Instance, series_id=series_id, sop_uid=header.sop_uid, sop_class=header.sop_class,
            transfer_syntax=header.transfer_syntax, number=header.instance_number, blob_id=blob.id,
            data_sha256=item.data_sha256, n_frames=header.frames, rank=rank, received_at=clock.now(),
        )
        if row_id is None:
            raise Changed
        self._frames(row_id, image)
        if rank:
            study.conflicted = True
            return self._hold(item, "sop_conflict", "", study)
        self.series.add(series_id)
        self.added += 1
        if study.complete_at is not None:
            return _of(study, outcomes.STORED, "late")
        return _of(study, outcomes.STORED, "second_patient" if study.patient.reconcile else "")

    def _frames(self, instance_id: int, image: Image) -> None:
        pixels = image.guard.pixels
        self.ctx.db.add(
            InstanceFrames(
                instance_id=instance_id, pixel_offset=pixels.offset if pixels else 0,
                pixel_length=pixels.length if pixels else 0, offsets=image.offsets, meta=image.meta,
            )
        )

    def _blob(self, item: Ready) -> Blob:
        if not item.kept:
            raise Changed                                 # it is no duplicate after all: no row without its bytes
        insert_missing(
            self.ctx.db, Blob, sha256=item.sha256, gen=item.gen, size=item.size, created_at=clock.now()
        )
        blob = self.ctx.db.scalars(
            sa.select(Blob).where(Blob.sha256 == item.sha256, Blob.gen == item.gen).with_for_update(key_share=True)
        ).one_or_none()
        if blob is None or blob.state != "live":
            raise Changed                                 # the sweeper was faster: the next generation is written
        blob.orphan_since = None
        return blob

    def _hold(self, item: Ready, reason: str, detail: str, study: Study | None = None) -> Outcome:
        """Keep the bytes for a person to decide. The same bytes sent again open the same item again."""
        blob = self._blob(item)
        there = sa.select(HeldItem).where(HeldItem.blob_id == blob.id, HeldItem.reason == reason)
        row = self.ctx.db.scalars(there).one_or_none()
        if row is None:
            insert_missing(
                self.ctx.db, HeldItem, name=item.name[:300], reason=reason, detail=detail[:200], blob_id=blob.id,
                study_id=study.id if study else None, source_id=item.source_id, received_at=clock.now(),
            )
        elif row.state in ("refused", "deleted"):
            row.state, row.received_at = "open", clock.now()
        return _of(study, outcomes.HELD, reason, detail) if study else Outcome(outcomes.HELD, reason, detail[:200])


def contradiction(study: Study, header: Header) -> str:
    """Say why an object may not join a study, '' if it may. What a header lacks contradicts nothing."""
    if study.trashed_at is not None:
        return "study_trashed"
    patient = study.patient
    if header.patient_id and patient.pid and header.patient_id[:64] != patient.pid:
        return "patient_conflict"
    if header.issuer and patient.issuer and header.issuer[:64] != patient.issuer:
        return "issuer_conflict"
    return "" if patients.agrees(patient.name, patient.birth_date, header) else "patient_conflict"


def _of(study: Study, outcome: str, reason: str, detail: str = "") -> Outcome:
    return Outcome(outcome, reason, detail[:200], study.id, study.public_id)


def _sortable(day: Any, at: time | None) -> str:
    """``YYYY-MM-DD HH:MM:SS``; '' without a date, midnight without a time."""
    return f"{day.isoformat()} {(at or time()).strftime('%H:%M:%S')}" if day else ""
