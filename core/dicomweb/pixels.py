"""Frames by byte range, without a decoder (PS3.18 10.4.1.1.6)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from core.dicomweb import queries
from core.dicomweb.queries import StoredObject
from core.store.blobs import BlobStore, storage_key
from plugin_sdk.dicom import uids
from plugin_sdk.dicom.frames import NoSuchFrame, frame_bytes, ranges
from plugin_sdk.dicom.guard import check
from plugin_sdk.dicom.pixels import Geometry, Pixels, unpack_frames
from plugin_sdk.dicom.refusals import HeldBack, Refused
from plugin_sdk.errors import NotFound

REMEMBERED = 128
PLAIN = frozenset({uids.IMPLICIT_LE, uids.EXPLICIT_LE})


def key(item: StoredObject) -> str:
    return storage_key(item.tenant_code, item.sha256, item.gen)


def path(blobs: BlobStore, item: StoredObject) -> Path:
    return blobs.path(key(item))


def is_native(item: StoredObject) -> bool:
    return item.transfer_syntax in uids.NATIVE


def syntax_served(item: StoredObject) -> str:
    """The transfer syntax that frames are sent in without decoding: native ones always as Explicit VR Little Endian."""
    return uids.EXPLICIT_LE if is_native(item) else item.transfer_syntax


def stored(blobs: BlobStore, item: StoredObject, numbers: Sequence[int]) -> list[bytes]:
    """Frames as they are stored, native ones in little endian.

    :param numbers: counted from 1
    :raise NotFound: the object holds fewer frames than that, or its bytes are gone
    """
    pixels = _layout(item.tenant_id, item.id, item.sha256, item.n_frames, item.transfer_syntax)
    try:
        if pixels is None:
            return _checked(path(blobs, item), numbers)
        place = key(item)
        return [frame_bytes(lambda at, length: blobs.read(place, at, length), pixels, n - 1) for n in numbers]
    except (NoSuchFrame, EOFError, FileNotFoundError) as error:
        raise NotFound from error


def _checked(file: Path, numbers: Sequence[int]) -> list[bytes]:
    """The long way round: look at the file itself, and inflate or swap what is neither plain nor little endian."""
    try:
        found = check(file)
        with ranges(file, found) as read:
            if found.pixels is None:
                raise NotFound
            return [frame_bytes(read, found.pixels, number - 1) for number in numbers]
    except (Refused, HeldBack) as error:
        raise NotFound from error


@lru_cache(maxsize=REMEMBERED)
def _layout(tenant_id: int, instance_id: int, sha256: str, n_frames: int, syntax: str) -> Pixels | None:
    """Where the frames lie, remembered per process: bytes under a digest never change.

    :return: None when the rows do not say it, so that the file must be looked at
    :raise NotFound: no pixels
    """
    row = queries.layout(tenant_id, instance_id)
    if row is None or not row[1]:
        raise NotFound
    offset, length, packed, meta = row
    if packed is not None:
        found = unpack_frames(packed)
        return Pixels(offset, length, len(found), frames=found, encapsulated=True)
    if syntax not in PLAIN:
        return None
    header = json.loads(gzip.decompress(meta))
    bits = _geometry(header, n_frames).frame_bits()
    if not bits or n_frames < 1 or -(-bits * n_frames // 8) > length:
        return None
    return Pixels(offset, length, n_frames, frame_bits=bits)


def _geometry(header: dict[str, dict[str, list[object]]], frames: int) -> Geometry:
    def number(tag: str, default: int) -> int:
        value = (header.get(tag, {}).get("Value") or [default])[0]
        return int(value) if isinstance(value, int | float) else default

    return Geometry(
        rows=number("00280010", 0), columns=number("00280011", 0), samples=max(1, number("00280002", 1)),
        bits=number("00280100", 0), frames=frames, signed=number("00280103", 0) == 1,
        photometric=str((header.get("00280004", {}).get("Value") or [""])[0]),
    )
