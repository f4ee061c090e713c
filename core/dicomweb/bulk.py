"""Bulk data that metadata leaves out (PS3.18 10.4.1.1.4): palettes, overlays and documents, by their tag.

Pixel data is not among them: frames have their own address.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugin_sdk.dicom.guard import Opened, opened
from plugin_sdk.dicom.refusals import HeldBack, Refused
from plugin_sdk.errors import NotFound

# data left out, and the attribute that stays behind and says that it is there
PALETTES = {"00281201": "00281101", "00281202": "00281102", "00281203": "00281103"}
SEGMENTED = {"00281221": "00281101", "00281222": "00281102", "00281223": "00281103"}
DOCUMENT, DOCUMENT_MEDIA = "00420011", "00420012"
OVERLAY_GROUPS = tuple(f"60{number:02X}" for number in range(0, 32, 2))
_WIDTH = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8, "US": 2, "SS": 2, "US or SS or OW": 2, "US or OW": 2, "OB or OW": 2}


def with_addresses(header: dict[str, Any]) -> dict[str, Any]:
    """Add a BulkDataURI for what was left out of a header, relative to the study (as the viewer is told)."""
    left_out = {DOCUMENT: "OB"} if DOCUMENT_MEDIA in header and DOCUMENT not in header else {}
    segmented = any(tag in header for tag in SEGMENTED)
    for tag, descriptor in PALETTES.items():
        if descriptor in header and tag not in header and not segmented:
            left_out[tag] = "OW"
    for group in OVERLAY_GROUPS:
        if f"{group}0010" in header and f"{group}0102" in header and f"{group}3000" not in header:
            left_out[f"{group}3000"] = "OW"
    if not left_out:
        return header
    series, sop = (header.get(tag, {}).get("Value", [""])[0] for tag in ("0020000E", "00080018"))
    for tag, vr in left_out.items():
        header[tag] = {"vr": vr, "BulkDataURI": f"series/{series}/instances/{sop}/bulkdata/{tag}"}
    return dict(sorted(header.items()))


def served(tag: str) -> bool:
    """Whether the value of a tag may be had by itself."""
    return tag in PALETTES or tag in SEGMENTED or tag == DOCUMENT or (tag[:4] in OVERLAY_GROUPS and tag[4:] == "3000")


def value(path: Path, tag: str) -> bytes:
    """The value of a top-level element in little endian. :raise NotFound: not there, or not a tag that is served"""
    if not served(tag):
        raise NotFound
    try:
        with opened(path) as it:
            return _read(it, int(tag, 16))
    except (Refused, HeldBack, FileNotFoundError) as error:
        raise NotFound from error


def _read(it: Opened, tag: int) -> bytes:
    element = it.data.get(tag)
    if element is None or element.items is not None or element.fragments is not None:
        raise NotFound
    raw = it.source.read(element.offset, element.length)
    width = _WIDTH.get(element.vr, 1)
    if element.little or width == 1:
        return raw
    out = bytearray(raw[: len(raw) // width * width])
    for at in range(width):
        out[at::width] = raw[width - 1 - at : len(out) : width]
    return bytes(out)
