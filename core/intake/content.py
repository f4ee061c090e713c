"""What an image says, whatever its encoding: two files of equal content are one image in two transfer syntaxes.

Decodes, so it runs in the limited child only.
"""

from __future__ import annotations

import hashlib
import struct
from os import PathLike
from typing import Any

from plugin_sdk.dicom import values
from plugin_sdk.dicom.charset import decode
from plugin_sdk.dicom.guard import Opened, opened
from plugin_sdk.dicom.source import Source
from plugin_sdk.dicom.walk import PIXEL_TAGS, DataSet, Element

CHARSET = 0x00080005
# what an encoder may change without changing the image: charset, photometric interpretation, planar configuration,
# extended offset table, padding behind the data set (PS3.10 7.2)
ENCODING = PIXEL_TAGS | {CHARSET, 0x00280004, 0x00280006, 0x7FE00001, 0x7FE00002, 0xFFFCFFFC}
_WIDTHS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8, "AT": 2}
_TEXTS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})


def content_sha256(path: str | PathLike[str]) -> str:
    """Digest all decoded elements and all decoded pixels; raises as `guard.check`, and what a decoder raises."""
    with opened(path) as it:
        digest = hashlib.sha256()
        _add(digest, it.source, it.data, ())
        if it.result.pixels is not None:
            _add_pixels(digest, it, path)
        return digest.hexdigest()


def _add(digest: Any, source: Source, data: DataSet, declared: tuple[str, ...]) -> None:
    if CHARSET in data:
        declared = tuple(values.text(source, data[CHARSET]).split("\\"))
    for tag in sorted(data):
        if tag in ENCODING or tag & 0xFFFF == 0:
            continue
        element = data[tag]
        if element.items is not None:
            digest.update(struct.pack("<IcI", tag, b"S", len(element.items)))
            for item in element.items:
                _add(digest, source, item, declared)
            continue
        plain = _plain(source, element, declared)
        digest.update(struct.pack("<IcQ", tag, b"V", len(plain)) + plain)


def _plain(source: Source, element: Element, declared: tuple[str, ...]) -> bytes:
    raw = source.read(element.offset, element.length)
    form = values.binary_form(element.vr)
    width = struct.calcsize(form) if form else _WIDTHS.get(element.vr, 1)
    if not element.little and width > 1:
        whole = len(raw) // width * width
        raw = b"".join(raw[at : at + width][::-1] for at in range(0, whole, width)) + raw[whole:]
    if element.tag >> 16 & 1:
        return raw.rstrip(b" \0")                         # an implicit data set does not know a private VR
    if element.vr in _TEXTS:
        return decode(raw, declared).text.encode("utf-8", "replace")
    return raw if form or element.vr in _WIDTHS else raw.rstrip(b" \0")


def _add_pixels(digest: Any, it: Opened, path: str | PathLike[str]) -> None:
    import numpy as np
    from pydicom import config, dcmread
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import UID

    config.settings.reading_validation_mode = config.IGNORE
    assert it.result.pixels is not None
    data = dcmread(path, force=True)
    data.file_meta.TransferSyntaxUID = UID(it.result.transfer_syntax)
    data.NumberOfFrames = it.result.pixels.n_frames
    for index in range(it.result.pixels.n_frames):
        pixels = np.asarray(pixel_array(data, index=index))
        digest.update(repr((pixels.shape, pixels.dtype.kind)).encode())
        digest.update(np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<")).tobytes())
