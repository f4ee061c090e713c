"""Which attributes may be asked for and are answered (PS3.18 10.6.1.2.3 and 10.6.3.3), as one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.access.openings import Scope
from core.dicomweb import match
from core.dicomweb.scope import Level, of_tenant, shown
from core.studies.models import Instance, Patient, Series, Study, StudyModality

Match = Callable[[Scope, str, str], match.Clause]
WILD = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})


@dataclass(frozen=True)
class Attribute:
    """A matching key. ``by`` makes the clause from a value and the parameter's name (for the refusal).

    ``picks``: an exact value leaves so few studies that finding them first beats walking down by date.
    """

    tag: str
    keyword: str
    vr: str
    level: Level
    by: Match
    picks: bool = False


def _key(
    tag: str, keyword: str, vr: str, level: Level, how: Callable[[Any, str, str], match.Clause], column: Any, *,
    picks: bool = False,
) -> Attribute:
    return Attribute(tag, keyword, vr, level, lambda _, value, name: how(column, value, name), picks)


def _patients(scope: Scope, clause: match.Clause) -> match.Clause:
    """Studies of the owner's patients that match: patients are looked through once, not once per study."""
    found = sa.select(Patient.id).where(Patient.tenant_id == scope.owner_tenant, clause).correlate(None)
    return Study.patient_id.in_(found)


def _patient_id(scope: Scope, value: str, parameter: str) -> match.Clause:
    return _patients(scope, match.text(Patient.pid, value, parameter))


def _patient_name(scope: Scope, value: str, parameter: str) -> match.Clause:
    return _patients(scope, match.person(Patient.name, value, parameter, pinyin=Patient.pinyin))


def _physician(_: Scope, value: str, parameter: str) -> match.Clause:
    return match.person(Study.physician, value, parameter)


def _sop(scope: Scope, value: str, parameter: str) -> match.Clause:
    """Named with its tenant, so that the index of both is used."""
    return sa.and_(Instance.tenant_id == scope.owner_tenant, match.uids(Instance.sop_uid, value, parameter))


STUDY, SERIES, INSTANCE = Level.STUDY, Level.SERIES, Level.INSTANCE
KEYS: tuple[Attribute, ...] = (
    _key("0020000D", "StudyInstanceUID", "UI", STUDY, match.uids, Study.uid),
    _key("00080020", "StudyDate", "DA", STUDY, match.moments, Study.study_at),
    _key("00080030", "StudyTime", "TM", STUDY, match.times, Study.study_time),
    _key("00080050", "AccessionNumber", "SH", STUDY, match.text, Study.accession, picks=True),
    _key("00081030", "StudyDescription", "LO", STUDY, match.text, Study.description),
    _key("00080080", "InstitutionName", "LO", STUDY, match.text, Study.institution),
    Attribute("00080090", "ReferringPhysicianName", "PN", STUDY, _physician),
    Attribute("00100010", "PatientName", "PN", STUDY, _patient_name),
    Attribute("00100020", "PatientID", "LO", STUDY, _patient_id, picks=True),
    _key("00100021", "IssuerOfPatientID", "LO", STUDY, match.text, Patient.issuer),
    _key("00100030", "PatientBirthDate", "DA", STUDY, match.dates, Patient.birth_date),
    _key("00100040", "PatientSex", "CS", STUDY, match.text, Patient.sex),
    _key("0020000E", "SeriesInstanceUID", "UI", SERIES, match.uids, Series.uid),
    _key("00080060", "Modality", "CS", SERIES, match.listed, Series.modality),
    _key("00200011", "SeriesNumber", "IS", SERIES, match.whole, Series.number),
    _key("0008103E", "SeriesDescription", "LO", SERIES, match.text, Series.description),
    _key("00180015", "BodyPartExamined", "CS", SERIES, match.text, Series.body_part),
    _key("00080021", "SeriesDate", "DA", SERIES, match.moments, Series.series_at),
    Attribute("00080018", "SOPInstanceUID", "UI", INSTANCE, _sop, picks=True),
    _key("00080016", "SOPClassUID", "UI", INSTANCE, match.uids, Instance.sop_class),
    _key("00200013", "InstanceNumber", "IS", INSTANCE, match.whole, Instance.number),
)
MODALITIES = ("00080061", "ModalitiesInStudy", "CS")
BY_NAME: dict[str, Attribute] = {name: key for key in KEYS for name in (key.tag, key.keyword)}


def modalities(scope: Scope, value: str, parameter: str) -> match.Clause:
    """Any of the modalities among the series that the scope shows: a hidden series gives nothing away."""
    if scope.hidden:
        named = match.listed(StudyModality.modality, value, parameter)
        found = sa.select(StudyModality.study_id).where(StudyModality.tenant_id == scope.owner_tenant, named)
        return Study.id.in_(found.correlate(None))
    named = match.listed(Series.modality, value, parameter)
    among = sa.select(Series.id).where(
        Series.study_id == Study.id, of_tenant(Series, Study.tenant_id), shown(scope), named
    )
    return among.correlate(Study).exists()
