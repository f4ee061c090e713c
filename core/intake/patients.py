"""Who a study belongs to: same issuer and id, and a name or a birth date that agrees.

A wrong match shows one person's images as another's, a missed one only asks somebody to compare. So disagreement makes
another record under the same id, flagged for reconciliation, and nothing is ever overwritten.
"""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.intake.pinyin import pinyin_of
from core.studies.models import Patient
from core.tenancy.sessions import insert_missing
from plugin_sdk.dicom.charset import display_name, fold, has_ideographs
from plugin_sdk.dicom.header import Header


def place(db: Session, header: Header) -> Patient:
    """Find the patient that a header speaks of, or make the record. Flushes; safe against another process."""
    while True:
        known = _records(db, header)
        if (found := next((p for p in known if _is(p, header)), None)) is not None:
            return _merged(db, found)
        made = insert_missing(db, Patient, **_columns(header), seq=len(known) and known[-1].seq + 1,
                              reconcile=bool(known) and bool(header.patient_id))
        if made is not None:
            return db.get_one(Patient, made)


def agrees(name: str, birth: date | None, header: Header) -> bool:
    """Tell whether a name or a birth date agrees, or nothing is known that could disagree."""
    names = _same_name(name, header.name_pn or header.name) if name and header.name else None
    births = birth == header.birth_date if birth and header.birth_date else None
    return bool(names or births) or (names is None and births is None)


def _is(patient: Patient, header: Header) -> bool:
    if header.patient_id:
        return agrees(patient.name, patient.birth_date, header)
    return bool(patient.name) and patient.birth_date == header.birth_date and _same_name(patient.name, header.name)


def _same_name(known: str, said: str) -> bool:
    """Compare after charset repair and width folding; 张三 and ZHANG^SAN are written differently, not other names."""
    if pinyin_of(known) != pinyin_of(said):
        return False
    both = has_ideographs(known) and has_ideographs(said)
    return not both or fold(known) == fold(display_name(said))


def _records(db: Session, header: Header) -> list[Patient]:
    return list(
        db.scalars(
            sa.select(Patient)
            .where(Patient.issuer == header.issuer[:64], Patient.pid == header.patient_id[:64])
            .order_by(Patient.seq)
        )
    )


def _merged(db: Session, patient: Patient) -> Patient:
    while patient.merged_into is not None:
        patient = db.get_one(Patient, patient.merged_into)
    return patient


def _columns(header: Header) -> dict[str, object]:
    return {
        "issuer": header.issuer[:64],
        "pid": header.patient_id[:64],
        "name": header.name[:200],
        "name_raw": header.name_raw or None,
        "charset": header.charset[:60],
        "pinyin": pinyin_of(header.name),
        "sex": header.sex[:10],
        "birth_date": header.birth_date,
        "phone": header.phone[:40],
    }
