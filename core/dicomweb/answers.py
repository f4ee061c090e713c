"""Rows as DICOM JSON (PS3.18 F): what a search answers, always in UTF-8."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any

from core.dicomweb.queries import Counts
from core.dicomweb.scope import Level
from plugin_sdk.dicom.charset import has_ideographs

Json = dict[str, Any]
NO_COUNTS = Counts(0, 0, ())
FROM_HEADER = ("00280010", "00280011", "00280100", "00280008")
STUDY_EXTRA = frozenset({"00081030", "00080080", "00101010", "00100021"})
SERIES_EXTRA = frozenset({"00080021", "00080031", "00180015"})


def element(vr: str, *values: Any) -> Json:
    """One attribute; empty values make it present without a value."""
    filled = [value for value in values if value not in ("", None)]
    return {"vr": vr, "Value": filled} if filled else {"vr": vr}


def person(name: str) -> Json:
    """A name as it is shown. Viewers read Alphabetic only, so a Chinese name stands there and in Ideographic."""
    if not name:
        return {"vr": "PN"}
    groups = {"Alphabetic": name}
    if has_ideographs(name):
        groups["Ideographic"] = name
    return {"vr": "PN", "Value": [groups]}


def study(row: Any, counted: Counts, root: str) -> Json:
    """Study level (PS3.18 table 10.6.3-3)."""
    return {
        "00080005": element("CS", "ISO_IR 192"),
        "00080020": element("DA", row.study_date.strftime("%Y%m%d") if row.study_date else ""),
        "00080030": element("TM", _time(row.study_time)),
        "00080050": element("SH", row.accession),
        "00080056": element("CS", "ONLINE"),
        "00080061": element("CS", *counted.modalities),
        "00080080": element("LO", row.institution),
        "00080090": person(row.physician),
        "00081030": element("LO", row.description),
        "00081190": element("UR", f"{root}/studies/{row.study_uid}"),
        "00100010": person(row.name),
        "00100020": element("LO", row.pid),
        "00100021": element("LO", row.issuer),
        "00100030": element("DA", row.birth_date.strftime("%Y%m%d") if row.birth_date else ""),
        "00100040": element("CS", row.sex),
        "00101010": element("AS", row.age if _is_age(row.age) else ""),
        "0020000D": element("UI", row.study_uid),
        "00201206": element("IS", counted.series),
        "00201208": element("IS", counted.instances),
    }


def series(row: Any, root: str) -> Json:
    """Series level (PS3.18 table 10.6.3-4)."""
    day, _, clock = row.series_at.partition(" ")
    return {
        "00080005": element("CS", "ISO_IR 192"),
        "00080021": element("DA", day.replace("-", "")),
        "00080031": element("TM", clock.replace(":", "")),
        "00080056": element("CS", "ONLINE"),
        "00080060": element("CS", row.modality),
        "0008103E": element("LO", row.series_description),
        "00081190": element("UR", f"{root}/studies/{row.study_uid}/series/{row.series_uid}"),
        "00180015": element("CS", row.body_part),
        "0020000D": element("UI", row.study_uid),
        "0020000E": element("UI", row.series_uid),
        "00200011": element("IS", row.series_number),
        "00201209": element("IS", row.n_instances),
    }


def instance(row: Any, header: Mapping[str, Any], root: str) -> Json:
    """Instance level (PS3.18 table 10.6.3-5)."""
    url = f"{root}/studies/{row.study_uid}/series/{row.series_uid}/instances/{row.sop_uid}"
    return {
        "00080005": element("CS", "ISO_IR 192"),
        "00080016": element("UI", row.sop_class),
        "00080018": element("UI", row.sop_uid),
        "00080056": element("CS", "ONLINE"),
        "00081190": element("UR", url),
        "0020000D": element("UI", row.study_uid),
        "0020000E": element("UI", row.series_uid),
        "00200013": element("IS", row.instance_number),
        **{tag: dict(header[tag]) for tag in FROM_HEADER if tag in header},
    }


def trimmed(answer: Json, level: Level, include: frozenset[str], everything: bool) -> Json:
    """Leave out what is returned on demand only, and order by tag."""
    extra = STUDY_EXTRA | (SERIES_EXTRA if level >= Level.SERIES else frozenset())
    kept = (tag for tag in sorted(answer) if everything or tag not in extra or tag in include)
    return {tag: answer[tag] for tag in kept}


def unpacked(gz: bytes) -> Json:
    """A stored header, with names that every viewer shows and the character set it is written in."""
    header: Json = json.loads(gzip.decompress(gz))
    header["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    for tag, attribute in header.items():
        if attribute.get("vr") == "PN":
            header[tag] = _readable(attribute)
    return header


def _readable(attribute: Json) -> Json:
    """Fill an empty Alphabetic group from the ideographic one: viewers show nothing else."""
    values = [
        {"Alphabetic": name["Ideographic"], **name} if isinstance(name, dict) and "Ideographic" in name else name
        for name in attribute.get("Value", [])
    ]
    return {"vr": "PN", "Value": values} if values else {"vr": "PN"}


def _time(at: Any) -> str:
    if at is None:
        return ""
    return str(at.strftime("%H%M%S.%f" if at.microsecond else "%H%M%S"))


def _is_age(text: str) -> bool:
    return len(text) == 4 and text[:3].isdigit() and text[3] in "DWMY"
