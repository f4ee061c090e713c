"""What a renderer is given of a report: it asks nobody for more. Part of the consultation contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .consultation import ReportView, RequestRef


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A signature as it is printed. :param image: PNG bytes, ``None`` prints the name alone.

    :param source: whose stamp it is: ``personal``, ``connection`` or ``hospital``
    """

    role: Literal["author", "reviewer"]
    name: str
    image: bytes | None
    at: datetime | None
    source: str = "personal"


@dataclass(frozen=True, kw_only=True)
class PatientFacts:
    """What the head of a report shows. Texts are as displayed; empty means unknown."""

    name: str
    sex: str
    age: str
    patient_id: str
    accession_number: str
    modality: str
    body_part: str
    study_time: str
    department: str = ""
    physician: str = ""
    birth_date: str = ""


@dataclass(frozen=True, kw_only=True)
class ReportJob:
    """All that a renderer needs; it asks nobody for more.

    :param images: PNG or JPEG bytes with their captions, in order
    :param link_url: what the QR code leads to; empty prints none
    :param link_until: end of the link's validity, ``None`` = permanent
    :param link_login: the link is a page of members, not the patient's e-film
    :param amended_from: version that this one amends
    :param zone: IANA name of the hospital's time zone
    """

    request: RequestRef
    report: ReportView
    patient: PatientFacts
    hospital: str
    group: str
    signatures: Sequence[Signature]
    images: Sequence[tuple[bytes, str]] = ()
    link_url: str = ""
    link_until: datetime | None = None
    link_login: bool = False
    template_ref: str = ""
    amended_from: int | None = None
    written_at: datetime | None = None
    footer: str = ""
    logo: bytes | None = None
    zone: str = "Asia/Shanghai"
    confirmed: bool = True
