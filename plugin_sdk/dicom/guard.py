"""Look at a file before anything decodes it: is it DICOM, is it whole, and can it be read within fixed bounds?

Nothing here trusts a length, recurses past 32 levels, or holds more than a window of the file in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import IO, Literal

from . import uids
from .pixels import Geometry, Pixels, locate
from .refusals import HeldBack, Refused
from .source import Source, inflated
from .values import text
from .walk import BIG_ENDIAN, EXPLICIT, IMPLICIT, LONG_VRS, SHORT_VRS, DataSet, Encoding, Walker

PREAMBLE = 128
SOP_CLASS, SOP_UID, STUDY_UID, SERIES_UID = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
META_CLASS, META_SOP, META_SYNTAX = 0x00020002, 0x00020003, 0x00020010
_ENCODINGS = {uids.IMPLICIT_LE: IMPLICIT, uids.EXPLICIT_BE: BIG_ENDIAN, "1.2.840.113619.5.2": IMPLICIT}
_SYNTAX_OF = {IMPLICIT: uids.IMPLICIT_LE, EXPLICIT: uids.EXPLICIT_LE, BIG_ENDIAN: uids.EXPLICIT_BE}
_VRS = {vr.encode() for vr in LONG_VRS | SHORT_VRS}


@dataclass(frozen=True, slots=True)
class GuardResult:
    """What the bytes say of themselves.

    ``dataset_offset`` is the first byte after the file meta information; ``pixels`` is None without pixel data;
    ``inflated`` says that pixel offsets count in the inflated data set. ``notes`` are codes of what was odd:
    no_preamble no_meta no_transfer_syntax syntax_differs meta_differs padded stray_delimiter stray_item no_vr sequence_left_out
    pixels_undescribed pixels_not_encapsulated fewer_frames more_frames more_pixels
    """

    size: int
    dataset_offset: int
    transfer_syntax: str
    sop_class: str
    sop_uid: str
    study_uid: str
    series_uid: str
    pixels: Pixels | None
    inflated: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """A checked file while it is open: `source` holds the (inflated) bytes that `data` points into."""

    source: Source
    data: DataSet
    encoding: Encoding
    result: GuardResult


def check(file: str | PathLike[str] | IO[bytes]) -> GuardResult:
    """Check one object.

    :raise Refused: it is no image of a patient, or it is dangerous; nothing of it is kept
    :raise HeldBack: `truncated` or `unreadable`; the bytes are kept for a person to decide
    """
    with opened(file) as it:
        return it.result


@contextmanager
def opened(file: str | PathLike[str] | IO[bytes]) -> Iterator[Opened]:
    """Check one object and keep it open for reading values; raises as `check` does."""
    if isinstance(file, (str, PathLike)):
        with open(file, "rb") as handle, opened(handle) as it:
            yield it
        return
    source = Source(file)
    meta, offset, notes = _file_meta(source)
    syntax = text(source, meta.get(META_SYNTAX))
    if syntax and not uids.valid_uid(syntax):
        notes.append("no_transfer_syntax")
        syntax = ""
    if text(source, meta.get(META_CLASS)) == uids.MEDIA_DIRECTORY:
        raise Refused("is_dicomdir")
    if syntax in uids.DEFLATED:
        with inflated(source, offset) as plain:
            yield _read(Source(plain), 0, EXPLICIT, source, meta, offset, syntax, notes)
        return
    encoding = _encoding(source, offset, syntax, notes)
    yield _read(source, offset, encoding, source, meta, offset, syntax or _SYNTAX_OF[encoding], notes)


def _file_meta(source: Source) -> tuple[DataSet, int, list[str]]:
    """Read group 0002 (PS3.10, 7.1); its own length is not trusted."""
    if source.size == 0:
        raise Refused("empty")
    notes: list[str] = []
    if source.read(PREAMBLE, 4) == b"DICM":
        position = PREAMBLE + 4
    elif source.read(0, 4) == b"DICM":
        position = 4
    else:
        notes.append("no_preamble")
        position = 0
    start = position
    walker, meta = Walker(source, lambda _: 0), {}
    while source.read(position, 2) == b"\x02\x00" and source.size - position >= 8:
        element, position = walker.element(position, EXPLICIT)
        meta[element.tag] = element
    if position == start:
        notes.append("no_meta")
        if start == 0 and not _plausible(source):
            raise Refused("not_dicom")
    elif META_SYNTAX not in meta:
        notes.append("no_transfer_syntax")
    return meta, position, notes


def _plausible(source: Source) -> bool:
    """Tell whether a file without preamble and meta begins as data sets do: a short element of group 0008."""
    head = source.read(0, 12)
    if len(head) < 8 or head[:2] not in (b"\x08\x00", b"\x00\x08"):
        return False
    order: Literal["little", "big"] = "little" if head[0] else "big"
    if int.from_bytes(head[2:4], order) > 0x0070:
        return False
    length = int.from_bytes(head[6:8], order) if head[4:6] in _VRS else int.from_bytes(head[4:8], "little")
    return length <= min(1024, source.size)


def _encoding(source: Source, offset: int, syntax: str, notes: list[str]) -> Encoding:
    """Say how the data set is encoded. Its first bytes win over the declaration, as in every other reader."""
    head = source.read(offset, 8)
    declared = _ENCODINGS.get(syntax, EXPLICIT) if syntax else None
    if len(head) < 8:
        return declared or EXPLICIT
    if head[4:6] not in _VRS:
        seen = IMPLICIT
    else:
        seen = BIG_ENDIAN if head[0] == 0 and head[1] else EXPLICIT
    if declared is not None and seen != declared:
        notes.append("syntax_differs")
    return seen


def _read(
    source: Source, start: int, encoding: Encoding, file: Source, meta: DataSet, offset: int, syntax: str,
    notes: list[str],
) -> Opened:
    walker = Walker(source, lambda data: Geometry.of(source, data).native_length())
    data = walker.top(start, encoding)
    notes.extend(walker.notes)
    if 0x00041130 in data or 0x00041220 in data:
        raise Refused("is_dicomdir")
    found = {tag: text(source, data.get(tag)) for tag in (SOP_CLASS, SOP_UID, STUDY_UID, SERIES_UID)}
    found[SOP_CLASS] = found[SOP_CLASS] or text(file, meta.get(META_CLASS))
    for tag, uid in found.items():
        if not uids.valid_uid(uid):
            raise Refused("bad_uid", f"({tag >> 16:04X},{tag & 0xFFFF:04X})")
    if (said := text(file, meta.get(META_SOP))) and said != found[SOP_UID]:
        notes.append("meta_differs")
    if "syntax_differs" in notes and syntax in uids.NATIVE:
        syntax = _SYNTAX_OF[encoding]
    pixels = locate(source, data, syntax, notes)
    result = GuardResult(
        size=file.size,
        dataset_offset=offset,
        transfer_syntax=syntax,
        sop_class=found[SOP_CLASS],
        sop_uid=found[SOP_UID],
        study_uid=found[STUDY_UID],
        series_uid=found[SERIES_UID],
        pixels=pixels,
        inflated=source is not file,
        notes=tuple(dict.fromkeys(notes)),
    )
    return Opened(source, data, encoding, result)


__all__ = ["GuardResult", "HeldBack", "Opened", "Refused", "check", "opened"]
