"""Which attributes may be asked for and are answered (PS3.18 10.6.1.2.3 and 10.6.3.3), as one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.access.openings import Scope
from core.dicomweb import match
from core.dicomweb.scope import Level, shown
from core.studies.models import Instance, Patient, Series, Study, StudyModality

Match = Callable[[str, str], match.Clause]
WILD = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})


@dataclass(frozen=True)
class Attribute:
    """A matching key. ``by`` makes the clause from a value and the parameter's name (for the refusal)."""

    tag: str
    keyword: str
    vr: str
    level: Level
    by: Match


def _key(tag: str, keyword: str, vr: str, level: Level, how: Callable[[Any, str, str], match.Clause], column: Any) -> Attribute:
    return Attribute(tag, keyword, vr, level, lambda value, parameter: how(column, value, parameter))


STUDY, SERIES, INSTANCE = Level.STUDY, Level.SERIES, Level.INSTANCE
KEYS: tuple[Attribute, ...] = (
    _key("0020000D", "StudyInstanceUID", "UI", STUDY, match.uids, Study.uid),
    _key("00080020", "StudyDate", "DA", STUDY, match.moments, Study.study_at),
    _key("00080030", "StudyTime", "TM", STUDY, match.times, Study.study_time),
    _key("00080050", "AccessionNumber", "SH", STUDY, match.text, Study.accession),
    _key("00081030", "StudyDescription", "LO", STUDY, match.text, Study.description),
    _key("00080080", "InstitutionName", "LO", STUDY, match.text, Study.institution),
    Attribute("00080090", "ReferringPhysicianName", "PN", STUDY, match.person((Study.physician,), ())),
    Attribute("00100010", "PatientName", "PN", STUDY, match.person((Patient.name,), (Patient.pinyin,))),
    _key("00100020", "PatientID", "LO", STUDY, match.text, Patient.pid),
    _key("00100021", "IssuerOfPatientID", "LO", STUDY, match.text, Patient.issuer),
    _key("00100030", "PatientBirthDate", "DA", STUDY, match.dates, Patient.birth_date),
    _key("00100040", "PatientSex", "CS", STUDY, match.text, Patient.sex),
    _key("0020000E", "SeriesInstanceUID", "UI", SERIES, match.uids, Series.uid),
    _key("00080060", "Modality", "CS", SERIES, match.listed, Series.modality),
    _key("00200011", "SeriesNumber", "IS", SERIES, match.whole, Series.number),
    _key("0008103E", "SeriesDescription", "LO", SERIES, match.text, Series.description),
    _key("00180015", "BodyPartExamined", "CS", SERIES, match.text, Series.body_part),
    _key("00080021", "SeriesDate", "DA", SERIES, match.moments, Series.series_at),
    _key("00080018", "SOPInstanceUID", "UI", INSTANCE, match.uids, Instance.sop_uid),
    _key("00080016", "SOPClassUID", "UI", INSTANCE, match.uids, Instance.sop_class),
    _key("00200013", "InstanceNumber", "IS", INSTANCE, match.whole, Instance.number),
)
MODALITIES = ("00080061", "ModalitiesInStudy", "CS")
BY_NAME: dict[str, Attribute] = {name: key for key in KEYS for name in (key.tag, key.keyword)}


def modalities(scope: Scope, value: str, parameter: str) -> match.Clause:
    """Any of the modalities among the series that the scope shows: a hidden series gives nothing away."""
    if scope.hidden:
        found = sa.select(StudyModality.study_id).where(
            StudyModality.study_id == Study.id, StudyModality.tenant_id == Study.tenant_id,
            match.listed(StudyModality.modality, value, parameter),
        )
    else:
        found = sa.select(Series.id).where(
            Series.study_id == Study.id, Series.tenant_id == Study.tenant_id, shown(scope),
            match.listed(Series.modality, value, parameter),
        )
    return found.correlate(Study).exists()
