"""Values of single elements, read tolerantly: what cannot be a number or a date is nothing, never an error."""

from __future__ import annotations

import math
import re
import struct
from datetime import date, time

from .source import Source
from .walk import BULK_FROM, BULK_VRS, DataSet, Element

FORMS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_DATE = re.compile(r"(\d{4})[.\-/]?(\d{2})[.\-/]?(\d{2})")
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?")


def raw(source: Source, element: Element | None) -> bytes:
    """Bytes of a value, empty when it is missing, a sequence, or bulk of more than 64 KiB."""
    if element is None or element.items is not None or element.fragments is not None:
        return b""
    if element.length > BULK_FROM and element.vr in BULK_VRS:
        return b""
    return source.read(element.offset, element.length)


def text(source: Source, element: Element | None) -> str:
    """A value of the default repertoire, without padding; bytes past ASCII are read as Latin-1."""
    return raw(source, element).decode("latin-1").strip(" \0")


def binary_form(vr: str, signed: bool = False) -> str:
    """struct format of one number of a binary VR, empty for text and bulk; `signed` settles "US or SS"."""
    if vr.startswith("US or SS"):
        vr = "SS" if signed else "US"
    return FORMS.get(vr, "")


def number(source: Source, element: Element | None) -> float | None:
    """First number of a binary, DS or IS value; None for anything else, infinities included."""
    if element is None:
        return None
    value = raw(source, element)
    if form := binary_form(element.vr):
        size = struct.calcsize(form)
        if len(value) < size:
            return None
        found = float(struct.unpack_from(("<" if element.little else ">") + form, value)[0])
    else:
        first = value.decode("latin-1").split("\\")[0].strip(" \0")
        try:
            found = float(first)
        except ValueError:
            return None
    return found if math.isfinite(found) else None


def numbers(source: Source, element: Element | None) -> list[float]:
    """All numbers of a DS, IS or binary value; those that are none are left out."""
    if element is None:
        return []
    value = raw(source, element)
    if form := binary_form(element.vr):
        size = struct.calcsize(form)
        order = "<" if element.little else ">"
        return [float(n) for n, in struct.iter_unpack(order + form, value[: len(value) // size * size])]
    found = []
    for part in value.decode("latin-1").split("\\"):
        try:
            found.append(float(part.strip(" \0")))
        except ValueError:
            continue
    return [n for n in found if math.isfinite(n)]


def integer(source: Source, element: Element | None) -> int | None:
    found = number(source, element)
    return None if found is None or abs(found) > 2**31 - 1 else int(found)


def parse_date(written: str) -> date | None:
    """Read DA, also with dots or dashes (ACR-NEMA, ISO 8601); None for ranges, zeros, what no calendar has
    and years outside 1800 to 2200."""
    match = _DATE.fullmatch(written.strip(" \0")) if written.isascii() else None
    if match is None:
        return None
    try:
        found = date(*map(int, match.groups()))
    except ValueError:
        return None
    return found if 1800 <= found.year <= 2200 else None


def parse_time(written: str) -> time | None:
    """Read TM, also with colons and without seconds; a leap second becomes 59."""
    match = _TIME.fullmatch(written.strip(" \0")) if written.isascii() else None
    if match is None:
        return None
    hour, minute, second, fraction = match.groups()
    try:
        return time(int(hour), int(minute or 0), min(59, int(second or 0)) if second == "60" else int(second or 0),
                    int((fraction or "0").ljust(6, "0")))
    except ValueError:
        return None


def first(data: DataSet, *path: int) -> Element | None:
    """Follow `path` through the first item of each sequence on the way."""
    for tag in path[:-1]:
        element = data.get(tag)
        if element is None or not element.items:
            return None
        data = element.items[0]
    return data.get(path[-1])
