"""The attributes that ingest, lists and the viewer live on, read once and mended (PS3.3, C.7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from os import PathLike
from typing import IO

from . import values
from .age import age_text
from .charset import Text, decode, display_name
from .guard import Opened, opened
from .json_model import dicom_json, json_of
from .pixels import Geometry
from .walk import DataSet


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """Texts are repaired and trimmed, '' when missing; dates and times are the modality's wall clock.

    ``name`` is for lists, ``name_pn`` keeps the groups of PN, ``name_raw`` the bytes as sent. ``charset`` is the codec
    that the name was read with, ``repaired`` whether the file's label named another. ``frames`` counts the frames
    that are there (0 without pixels), which may differ from NumberOfFrames.
    """

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class: str
    transfer_syntax: str
    patient_id: str
    issuer: str
    name: str
    name_pn: str
    name_raw: bytes
    charset: str
    repaired: bool
    sex: str
    birth_date: date | None
    age: str
    phone: str
    accession: str
    study_id: str
    study_date: date | None
    study_time: time | None
    study_description: str
    modality: str
    body_part: str
    series_number: int | None
    series_description: str
    series_date: date | None
    series_time: time | None
    instance_number: int | None
    institution: str
    department: str
    station: str
    manufacturer: str
    model: str
    referring_physician: str
    requesting_service: str
    rows: int
    columns: int
    frames: int
    bits_allocated: int
    bits_stored: int
    samples: int
    photometric: str
    burned_in: str
    notes: tuple[str, ...]

    @property
    def device(self) -> str:
        """Manufacturer and model as one label, without saying the maker twice."""
        if self.model.casefold().startswith(self.manufacturer.casefold()):
            return self.model
        return f"{self.manufacturer} {self.model}".strip()


class _Reader:
    def __init__(self, it: Opened) -> None:
        self.source, self.data = it.source, it.data
        self.declared = declared_charset(it, it.data)

    def mended(self, tag: int) -> Text:
        return decode(values.raw(self.source, self.data.get(tag)), self.declared)

    def text(self, *tags: int) -> str:
        """First filled value of `tags`, one line, trimmed."""
        return next((found for tag in tags if (found := " ".join(self.mended(tag).text.split()))), "")

    def name(self, tag: int) -> str:
        return display_name(self.mended(tag).text)

    def integer(self, tag: int) -> int | None:
        return values.integer(self.source, self.data.get(tag))

    def date(self, *tags: int) -> date | None:
        return next((found for tag in tags if (found := values.parse_date(self.text(tag)[:10]))), None)

    def time(self, *tags: int) -> time | None:
        return next((found for tag in tags if (found := values.parse_time(self.text(tag))) is not None), None)


def declared_charset(it: Opened, data: DataSet) -> tuple[str, ...]:
    return tuple(values.text(it.source, data.get(0x00080005)).split("\\"))


def read_header(path: str | PathLike[str] | IO[bytes]) -> Header:
    """Check a file and read its header; raises as `guard.check`, and for no value however odd."""
    with opened(path) as it:
        return header_of(it)


def header_of(it: Opened) -> Header:
    """Read the header of a checked, open file."""
    read, result = _Reader(it), it.result
    geometry, name = Geometry.of(it.source, it.data), read.mended(0x00100010)
    birth, studied = read.date(0x00100030), read.date(0x00080020)
    at = studied or read.date(0x00080021, 0x00080022, 0x00080023)
    return Header(
        study_uid=result.study_uid,
        series_uid=result.series_uid,
        sop_uid=result.sop_uid,
        sop_class=result.sop_class,
        transfer_syntax=result.transfer_syntax,
        patient_id=read.text(0x00100020),
        issuer=read.text(0x00100021),
        name=display_name(name.text),
        name_pn=name.text,
        name_raw=values.raw(it.source, it.data.get(0x00100010)),
        charset=name.charset,
        repaired=name.repaired,
        sex=read.text(0x00100040),
        birth_date=birth,
        age=age_text(birth, at, read.text(0x00101010)),
        phone=read.text(0x00102154),
        accession=read.text(0x00080050),
        study_id=read.text(0x00200010),
        study_date=studied,
        study_time=read.time(0x00080030),
        study_description=read.text(0x00081030),
        modality=read.text(0x00080060),
        body_part=read.text(0x00180015),
        series_number=read.integer(0x00200011),
        series_description=read.text(0x0008103E),
        series_date=read.date(0x00080021, 0x00080022),
        series_time=read.time(0x00080031, 0x00080032),
        instance_number=read.integer(0x00200013),
        institution=read.text(0x00080080),
        department=read.text(0x00081040),
        station=read.text(0x00081010),
        manufacturer=read.text(0x00080070),
        model=read.text(0x00081090),
        referring_physician=read.name(0x00080090),
        requesting_service=read.text(0x00321033),
        rows=geometry.rows,
        columns=geometry.columns,
        frames=result.pixels.n_frames if result.pixels else 0,
        bits_allocated=geometry.bits,
        bits_stored=read.integer(0x00280101) or geometry.bits,
        samples=geometry.samples,
        photometric=geometry.photometric,
        burned_in=read.text(0x00280301),
        notes=result.notes,
    )


__all__ = ["Header", "dicom_json", "header_of", "json_of", "read_header"]
