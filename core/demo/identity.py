"""Who the demo studies are about, and numbers that come out equal whenever they are made again."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

_ROOT = uuid.UUID("8d7e2a54-6f0c-4d11-9c1b-2f6a3d5be0c7")


@dataclass(frozen=True)
class DemoPatient:
    """A patient who does not exist; every name says so."""

    name: str
    pid: str
    sex: Literal["M", "F", "O"]
    birth_date: date
    charset: Literal["GB18030", "ISO_IR 192"] = "ISO_IR 192"
    """Specific Character Set (PS3.3 C.12.1.1.2) the text is encoded in."""


def uid(seed: int, *names: str | int) -> str:
    """Derive a UID from a seed and the place in the study (PS3.5 B.2)."""
    path = "/".join(str(name) for name in (seed, *names))
    return f"2.25.{uuid.uuid5(_ROOT, path).int}"


def accession(modality: str, at: datetime, seed: int) -> str:
    """Number a study as a department would: modality, local date, three digits from the seed."""
    return f"{modality}{at:%Y%m%d}{seed % 1000:03d}"


def age(birth: date, on: date) -> str:
    """Say an age as DICOM's Age String (PS3.5 6.2): days below a month, months below two years, then years."""
    days = (on - birth).days
    months = (on.year - birth.year) * 12 + on.month - birth.month - (on.day < birth.day)
    if months < 1:
        return f"{days:03d}D"
    return f"{months:03d}M" if months < 24 else f"{months // 12:03d}Y"
