"""A data set as DICOM JSON (PS3.18, F), without pixels and without bulk, all text in UTF-8."""

from __future__ import annotations

import base64
import math
import re
import struct
from os import PathLike
from typing import IO, Any

from . import values
from .charset import decode
from .guard import Opened, opened
from .source import Source
from .walk import PIXEL_TAGS, DataSet, Element

MAX_INLINE = 1024
CHARSET, PIXEL_REPRESENTATION = 0x00080005, 0x00280103
_LEFT_OUT = PIXEL_TAGS | {0x7FE00001, 0x7FE00002, 0x54001010, 0x00420011, 0xFFFCFFFC}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_ONE_TEXT = frozenset({"LT", "ST", "UT", "UR"})           # no backslash splits these (PS3.5, 6.2)
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def dicom_json(path: str | PathLike[str] | IO[bytes]) -> dict[str, Any]:
    """Check a file and give its data set; raises as `guard.check`, and for no value however odd."""
    with opened(path) as it:
        return json_of(it)


def json_of(it: Opened) -> dict[str, Any]:
    """Give the data set of a checked, open file.

    Binary values over 1 KiB, pixel, waveform and overlay data, documents and group lengths are left out. A number
    that is none stays a string, as F.2.2 allows; NaN and infinity become null.
    """
    return _item(it.source, it.data, (), signed=False)


def _item(source: Source, data: DataSet, declared: tuple[str, ...], *, signed: bool) -> dict[str, Any]:
    if CHARSET in data:
        declared = tuple(values.text(source, data[CHARSET]).split("\\"))
    if (representation := values.integer(source, data.get(PIXEL_REPRESENTATION))) is not None:
        signed = representation == 1
    out: dict[str, Any] = {}
    for tag in sorted(data):
        if tag in _LEFT_OUT or tag & 0xFFFF == 0 or (tag >> 24 in (0x50, 0x60) and tag & 0xFFFF == 0x3000):
            continue
        if tag == CHARSET:
            out["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
        elif (found := _attribute(source, data[tag], declared, signed)) is not None:
            out[f"{tag:08X}"] = found
    return out


def _attribute(source: Source, element: Element, declared: tuple[str, ...], signed: bool) -> dict[str, Any] | None:
    if element.items is not None:
        items = [_item(source, item, declared, signed=signed) for item in element.items]
        return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
    vr = _settled(element.vr, signed)
    if element.fragments is not None:
        return None
    if vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN"):
        if element.length > MAX_INLINE:
            return None
        raw = _little_endian(source.read(element.offset, element.length), vr, element.little)
        return {"vr": vr, "InlineBinary": base64.b64encode(raw).decode("ascii")} if raw else {"vr": vr}
    found = _values(values.raw(source, element), vr, element.little, declared)
    return {"vr": vr, "Value": found} if found and any(v is not None for v in found) else {"vr": vr}


def _settled(vr: str, signed: bool) -> str:
    """Settle a VR that the dictionary leaves open (implicit data sets)."""
    if " or " not in vr:
        return vr
    if "SS" in vr:
        return "SS" if signed else "US"
    return "OW"


def _little_endian(raw: bytes, vr: str, little: bool) -> bytes:
    width = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}.get(vr, 1)
    if little or width == 1:
        return raw
    whole = len(raw) // width * width
    return b"".join(raw[at : at + width][::-1] for at in range(0, whole, width)) + raw[whole:]


def _values(raw: bytes, vr: str, little: bool, declared: tuple[str, ...]) -> list[Any]:
    order = "<" if little else ">"
    if vr == "AT":
        return [f"{g:04X}{e:04X}" for g, e in struct.iter_unpack(order + "HH", raw[: len(raw) // 4 * 4])]
    if form := values.binary_form(vr):
        size = struct.calcsize(form)
        numbers = (n for n, in struct.iter_unpack(order + form, raw[: len(raw) // size * size]))
        return [None if isinstance(n, float) and not math.isfinite(n) else n for n in numbers]
    text = decode(raw, declared).text
    if vr == "PN":
        return [_person(part) for part in text.split("\\")]
    if vr in _ONE_TEXT:
        return [text] if text else []
    parts = [part.strip(" \0") or None for part in text.split("\\")]
    if vr in ("DS", "IS"):
        return [_number(part, vr) for part in parts]
    return parts


def _number(part: str | None, vr: str) -> int | float | str | None:
    if part is None:
        return None
    if _INTEGER.fullmatch(part):
        return int(part)
    if vr == "DS" and _NUMBER.fullmatch(part) and math.isfinite(float(part)):
        return float(part)
    return part


def _person(name: str) -> dict[str, str] | None:
    groups = {key: group.strip() for key, group in zip(_GROUPS, name.split("="), strict=False) if group.strip("^ ")}
    return groups or None
