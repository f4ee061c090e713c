"""Where the frames of an object are, from integers alone: nothing is decoded and no buffer is made."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from . import uids
from .refusals import HeldBack, Refused
from .source import Source
from .values import number, text
from .walk import DOUBLE_PIXELS, FLOAT_PIXELS, PIXEL_DATA, DataSet, Element

MAX_FRAME = 512 * 1024 * 1024
_STARTS = (b"\xff\xd8", b"\xff\x4f")                      # SOI of JPEG and JPEG-LS, SOC of JPEG 2000
_MORE = 1 << 63
Extent = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Image Pixel attributes (PS3.3, C.7.6.3). ``frames`` is 1 when the attribute is missing or makes no sense."""

    rows: int
    columns: int
    samples: int
    bits: int
    frames: int
    photometric: str
    signed: bool

    @classmethod
    def of(cls, source: Source, data: DataSet) -> Geometry:
        def get(tag: int, default: int) -> int:
            found = number(source, data.get(tag))
            return default if found is None else int(found)

        return cls(
            rows=get(0x00280010, 0),
            columns=get(0x00280011, 0),
            samples=max(1, get(0x00280002, 1)),
            bits=get(0x00280100, 0),
            frames=max(1, get(0x00280008, 1)),
            photometric=text(source, data.get(0x00280004)),
            signed=get(0x00280103, 0) == 1,
        )

    def frame_bits(self, tag: int = PIXEL_DATA) -> int:
        bits = {FLOAT_PIXELS: 32, DOUBLE_PIXELS: 64}.get(tag, self.bits)
        plain = self.rows * self.columns * self.samples * bits
        if self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422") and self.samples == 3:
            return plain * 2 // 3
        return plain // 2 if self.photometric == "YBR_PARTIAL_420" and self.samples == 3 else plain

    def native_length(self, tag: int = PIXEL_DATA) -> int:
        """Bytes of all frames in a native encoding, without the padding byte; 0 when unknown."""
        return -(-self.frame_bits(tag) * self.frames // 8)


@dataclass(frozen=True, slots=True)
class Pixels:
    """Pixel data of one object. Offsets count from the start of the file, or of the inflated data set.

    ``frame_bits`` is the size of a native frame; ``frames`` lists the fragments of each encapsulated frame.
    """

    offset: int
    length: int
    n_frames: int
    frame_bits: int = 0
    frames: tuple[tuple[Extent, ...], ...] = ()
    encapsulated: bool = False
    little: bool = True
    word: int = 1


def pack_frames(frames: Sequence[Sequence[Extent]]) -> bytes:
    """Pack fragments as little-endian u64 pairs; the top bit of an offset says that the frame goes on."""
    out = bytearray()
    for frame in frames:
        for left, (offset, length) in zip(range(len(frame) - 1, -1, -1), frame, strict=True):
            out += struct.pack("<QQ", offset | (_MORE if left else 0), length)
    return bytes(out)


def unpack_frames(packed: bytes) -> tuple[tuple[Extent, ...], ...]:
    frames: list[tuple[Extent, ...]] = []
    now: list[Extent] = []
    for offset, length in struct.iter_unpack("<QQ", packed):
        now.append((offset & ~_MORE, length))
        if not offset & _MORE:
            frames.append(tuple(now))
            now = []
    return tuple(frames)


def locate(source: Source, data: DataSet, transfer_syntax: str, notes: list[str]) -> Pixels | None:
    """Find the frames and check that they are all there.

    :raise Refused: `frame_too_big` past 512 MB for one frame, decoded
    :raise HeldBack: `truncated` when there are fewer bytes than Rows, Columns and the rest promise
    """
    geometry = Geometry.of(source, data)
    element = next((data[tag] for tag in (PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS) if tag in data), None)
    if geometry.rows * geometry.columns * geometry.samples * max(1, -(-geometry.bits // 8)) > MAX_FRAME:
        raise Refused("frame_too_big")
    if element is None:
        if geometry.rows and geometry.columns and 0x56000020 not in data and 0x00287FE0 not in data:
            raise HeldBack("truncated", "no pixel data")  # 5600,0020 spectroscopy, 0028,7FE0 pixels elsewhere
        return None
    if element.fragments is not None:
        return _encapsulated(source, data, element, geometry, transfer_syntax, notes)
    if element.length == 0:
        raise HeldBack("truncated", "empty pixel data")
    return _native(element, geometry, transfer_syntax, notes)


def _native(element: Element, geometry: Geometry, transfer_syntax: str, notes: list[str]) -> Pixels | None:
    bits = geometry.frame_bits(element.tag)
    if not bits:
        notes.append("pixels_undescribed")
        return Pixels(element.offset, element.length, 0)
    if transfer_syntax not in uids.NATIVE:
        notes.append("pixels_not_encapsulated")
    wanted, there = geometry.native_length(element.tag), element.length * 8
    frames = geometry.frames
    if element.length < wanted:
        frames, rest = divmod(there, bits)
        if not frames or rest > 8:
            raise HeldBack("truncated", f"{element.length} of {wanted} bytes of pixel data")
        notes.append("fewer_frames")
    elif element.length > wanted + 1:
        frames = there // bits if there % bits == 0 else frames
        notes.append("more_pixels" if frames == geometry.frames else "more_frames")
    word = {FLOAT_PIXELS: 4, DOUBLE_PIXELS: 8}.get(element.tag, max(1, geometry.bits // 8))
    return Pixels(
        element.offset, element.length, frames, frame_bits=bits, little=element.little,
        word=2 if element.vr == "OW" and word == 1 else word,
    )


def _encapsulated(
    source: Source, data: DataSet, element: Element, geometry: Geometry, transfer_syntax: str, notes: list[str]
) -> Pixels:
    table, fragments = (element.fragments or ((0, 0),))[0], (element.fragments or ())[1:]
    if not fragments:
        raise HeldBack("truncated", "no fragment")
    if uids.is_video(transfer_syntax):
        frames: tuple[tuple[Extent, ...], ...] = (fragments,)
    else:
        frames = _by_table(source, data, table, fragments, geometry.frames) or _by_start(
            source, fragments, geometry.frames, transfer_syntax
        )
        if len(frames) != geometry.frames:
            notes.append("fewer_frames" if len(frames) < geometry.frames else "more_frames")
    return Pixels(element.offset, element.length, len(frames), frames=frames, encapsulated=True)


def _by_table(
    source: Source, data: DataSet, table: Extent, fragments: tuple[Extent, ...], wanted: int
) -> tuple[tuple[Extent, ...], ...] | None:
    """Cut by the extended (7FE0,0001) or basic offset table, if one is there and agrees with the fragments."""
    extended: Any = data.get(0x7FE00001)
    if extended is not None and extended.length == wanted * 8:
        raw, form = source.read(extended.offset, extended.length), f"<{wanted}Q"
    elif table[1] == wanted * 4:
        raw, form = source.read(*table), f"<{wanted}I"
    else:
        return None
    first = fragments[0][0] - 8
    starts = [first + offset for offset in struct.unpack(form, raw)]
    places = {offset - 8: index for index, (offset, _) in enumerate(fragments)}
    cuts = [places.get(start, -1) for start in starts]
    if cuts[0] != 0 or any(a >= b for a, b in pairwise(cuts)):
        return None
    return tuple(fragments[a:b] for a, b in zip(cuts, [*cuts[1:], len(fragments)], strict=True))


def _by_start(
    source: Source, fragments: tuple[Extent, ...], wanted: int, transfer_syntax: str
) -> tuple[tuple[Extent, ...], ...]:
    """Cut without a table: one frame takes all, else one fragment each, else where a code stream begins."""
    if wanted == 1:
        return (fragments,)
    if len(fragments) <= wanted or transfer_syntax == uids.RLE:
        return tuple((fragment,) for fragment in fragments)
    cuts = [i for i, (offset, _) in enumerate(fragments) if source.read(offset, 2) in _STARTS]
    if not cuts or cuts[0] != 0:
        return (fragments,)
    return tuple(fragments[a:b] for a, b in zip(cuts, [*cuts[1:], len(fragments)], strict=True))
