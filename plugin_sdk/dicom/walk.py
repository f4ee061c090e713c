"""Walk the structure of a data set without decoding a value (PS3.5, section 7), within fixed bounds.

One walker serves the guard, the header and the JSON, so that no two of them can disagree about a file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from .refusals import HeldBack, Refused
from .source import Source

MAX_DEPTH = 32
MAX_ELEMENTS = 100_000
MAX_HEADER = 16 * 1024 * 1024
MAX_BULK = 512 * 1024 * 1024
BULK_FROM = 64 * 1024

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS = 0x7FE00010, 0x7FE00008, 0x7FE00009
PIXEL_TAGS = frozenset({PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS})
LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
SHORT_VRS = frozenset(
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI"}
    | {"UL", "US"}
)
BULK_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
FRAGMENT_VRS = frozenset({"OB", "OW"})


@dataclass(frozen=True, slots=True)
class Element:
    """Where a value is: ``offset`` and ``length`` in bytes, ``items`` of a sequence, ``fragments`` of pixel data."""

    tag: int
    vr: str
    offset: int
    length: int
    little: bool = True
    items: tuple[DataSet, ...] | None = None
    fragments: tuple[tuple[int, int], ...] | None = None


DataSet = dict[int, Element]


@dataclass(frozen=True, slots=True)
class Encoding:
    implicit: bool
    little: bool


IMPLICIT = Encoding(implicit=True, little=True)
EXPLICIT = Encoding(implicit=False, little=True)
BIG_ENDIAN = Encoding(implicit=False, little=False)


class Malformed(Exception):
    """A nested length contradicts the one around it; the walker leaves that sequence out and goes on."""


@lru_cache(maxsize=8192)
def dictionary_vr(tag: int) -> str:
    """VR of a tag by the data dictionary (PS3.6), "UN" if it is private or unknown. May be "US or SS" and the like."""
    if tag & 0xFFFF == 0:
        return "UL"
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


class Walker:
    """Reads one data set. ``notes`` says what was odd and still acceptable.

    :param native_length: bytes that the elements read so far promise for native pixel data, 0 when unknown
    """

    def __init__(self, source: Source, native_length: Callable[[DataSet], int]) -> None:
        self.source = source
        self._native_length = native_length
        self.notes: list[str] = []
        self.elements = 0
        self.header_bytes = 0
        self._short = {True: struct.Struct("<HH2sH"), False: struct.Struct(">HH2sH")}
        self._long = {True: struct.Struct("<HHI"), False: struct.Struct(">HHI")}

    def note(self, code: str) -> None:
        if code not in self.notes:
            self.notes.append(code)

    def top(self, offset: int, encoding: Encoding) -> DataSet:
        """Read the data set that starts at `offset` and ends with the file.

        :raise Refused: a bound is passed, or a length cannot be true
        :raise HeldBack: the file stops early, or its structure makes no sense
        """
        found: DataSet = {}
        position, size = offset, self.source.size
        while position < size:
            if self._only_padding(position):
                self.note("padded")
                break
            if size - position < 8:
                raise HeldBack("truncated", "in an element's head")
            if (after := self._stray_item(position, encoding)) is not None:
                position = after
                continue
            try:
                element, position = self._element(position, size, encoding, 0, found)
            except Malformed:
                raise HeldBack("unreadable", "in a sequence") from None
            if element.tag in (ITEM_END, SEQUENCE_END):
                self.note("stray_delimiter")
            elif "stray_item" not in self.notes or element.tag not in found:
                found[element.tag] = element
        return found

    def element(self, position: int, encoding: Encoding) -> tuple[Element, int]:
        """Read one element of the file meta information."""
        try:
            return self._element(position, self.source.size, encoding, 0, {})
        except Malformed:
            raise HeldBack("unreadable", "in the file meta information") from None

    def _stray_item(self, position: int, encoding: Encoding) -> int | None:
        """Step over an item that no sequence holds, as some ultrasound writes behind a sequence of length 0.

        What is inside is not the object's own: it must never become its identity.
        """
        tag, _, length, value = self.head(position, encoding)
        if tag != ITEM or length == UNDEFINED or value + length > self.source.size:
            return None
        self._count(0)
        self.note("stray_item")
        return value + length

    def _only_padding(self, position: int) -> bool:
        """Zeros after the data set, as some archives write to fill a block."""
        rest = self.source.size - position
        return rest <= 64 * 1024 and self.source.read(position, 4) == b"\0" * min(4, rest) and not any(
            self.source.read(position, rest)
        )

    def head(self, position: int, encoding: Encoding) -> tuple[int, str, int, int]:
        """Read tag, VR, length (or UNDEFINED) and the offset of the value."""
        raw = self.source.read(position, 12)
        if len(raw) < 8:
            raise HeldBack("truncated", "in an element's head")
        group, number, length = self._long[encoding.little].unpack_from(raw)
        tag = group << 16 | number
        if group == 0xFFFE:
            return tag, "", length, position + 8
        if encoding.implicit:
            return tag, dictionary_vr(tag), length, position + 8
        vr = raw[4:6].decode("latin-1")
        if vr in SHORT_VRS:
            return tag, vr, self._short[encoding.little].unpack_from(raw)[3], position + 8
        if vr in LONG_VRS or (vr.isascii() and vr.isalpha() and vr.isupper()):
            if len(raw) < 12:
                raise HeldBack("truncated", "in an element's head")
            known = vr if vr in LONG_VRS else "UN"
            return tag, known, int.from_bytes(raw[8:12], "little" if encoding.little else "big"), position + 12
        self.note("no_vr")                                # implicit element inside an explicit data set
        return tag, dictionary_vr(tag), length, position + 8

    def _count(self, depth: int) -> None:
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            raise Refused("too_many_elements")
        if depth > MAX_DEPTH:
            raise Refused("too_deep")

    def _element(
        self, position: int, end: int, encoding: Encoding, depth: int, siblings: DataSet
    ) -> tuple[Element, int]:
        self._count(depth)
        tag, vr, length, value = self.head(position, encoding)
        if not vr:
            if tag not in (ITEM_END, SEQUENCE_END):
                raise Malformed
            return Element(tag, "", value, 0), value
        if vr == "UN" and (known := dictionary_vr(tag)) != "UN" and " " not in known:
            vr, inner = known, IMPLICIT                   # PS3.5, 6.2.2: UN holds implicit little endian
        else:
            inner = IMPLICIT if vr == "UN" else encoding
        if length == UNDEFINED:
            return self._undefined(tag, vr, value, end, inner, depth)
        if value + length > self.source.size:
            self._overrun(tag, vr, length, self.source.size - value, siblings)
        if value + length > end:
            raise Malformed
        if not (vr in BULK_VRS and length > BULK_FROM) and vr != "SQ":
            self._weigh(length)
        self._weigh(value - position)
        items = self._items_or_none(value, value + length, inner, depth) if vr == "SQ" else None
        return Element(tag, vr, value, length, inner.little, items), value + length

    def _weigh(self, length: int) -> None:
        self.header_bytes += length
        if self.header_bytes > MAX_HEADER:
            raise Refused("header_too_big")

    def _overrun(self, tag: int, vr: str, length: int, left: int, siblings: DataSet) -> None:
        """Decide between a file that was cut and a length that was never true."""
        if tag == PIXEL_DATA:
            native = self._native_length(siblings)
            limit = native + 64 * 1024 if native else MAX_BULK
        else:
            limit = MAX_BULK if vr in BULK_VRS or vr == "SQ" else MAX_HEADER
        detail = f"({tag >> 16:04X},{tag & 0xFFFF:04X}) says {length}, {max(0, left)} are left"
        if length > limit:
            raise Refused("bad_length", detail)
        raise HeldBack("truncated", detail)

    def _undefined(
        self, tag: int, vr: str, value: int, end: int, encoding: Encoding, depth: int
    ) -> tuple[Element, int]:
        if tag in PIXEL_TAGS or vr in FRAGMENT_VRS:
            fragments, after = self._fragments(value, end, encoding)
            return Element(tag, vr, value, after - value, encoding.little, fragments=fragments), after
        if vr not in ("SQ", "UN"):
            raise Refused("bad_length", "undefined length of a plain value")
        items, after = self._items(value, end, encoding, depth, open_end=True)
        return Element(tag, "SQ", value, after - value, encoding.little, tuple(items)), after

    def _items_or_none(self, value: int, end: int, encoding: Encoding, depth: int) -> tuple[DataSet, ...]:
        try:
            return tuple(self._items(value, end, encoding, depth, open_end=False)[0])
        except Malformed:
            self.note("sequence_left_out")
            return ()

    def _items(
        self, position: int, end: int, encoding: Encoding, depth: int, *, open_end: bool
    ) -> tuple[list[DataSet], int]:
        items: list[DataSet] = []
        while position < end:
            self._count(depth + 1)
            tag, _, length, value = self.head(position, encoding)
            if tag == SEQUENCE_END:
                return items, value
            if tag != ITEM:
                raise Malformed
            if length == UNDEFINED:
                item, position = self._item(value, end, encoding, depth + 1, open_end=True)
            else:
                if value + length > self.source.size:
                    self._overrun(tag, "SQ", length, self.source.size - value, {})
                if value + length > end:
                    raise Malformed
                item, position = self._item(value, value + length, encoding, depth + 1, open_end=False)
            items.append(item)
        if open_end and end == self.source.size:
            raise HeldBack("truncated", "in a sequence")
        if open_end:
            raise Malformed
        return items, position

    def _item(
        self, position: int, end: int, encoding: Encoding, depth: int, *, open_end: bool
    ) -> tuple[DataSet, int]:
        found: DataSet = {}
        while position < end:
            if end - position < 8 and end < self.source.size:
                raise Malformed
            element, position = self._element(position, end, encoding, depth, found)
            if element.tag == ITEM_END:
                return found, position
            if element.tag == SEQUENCE_END:
                raise Malformed
            found[element.tag] = element
        if open_end:
            raise HeldBack("truncated", "in an item") if end == self.source.size else Malformed
        return found, position

    def _fragments(self, position: int, end: int, encoding: Encoding) -> tuple[tuple[tuple[int, int], ...], int]:
        """Walk encapsulated pixel data; the first fragment is the basic offset table (PS3.5, A.4)."""
        found: list[tuple[int, int]] = []
        while position < end:
            self._count(0)
            tag, _, length, value = self.head(position, encoding)
            if tag == SEQUENCE_END:
                return tuple(found), value
            if tag != ITEM or length == UNDEFINED:
                raise Refused("bad_length", "undefined length without fragments")
            if value + length > end:
                raise HeldBack("truncated", "in a fragment")
            found.append((value, length))
            position = value + length
        raise HeldBack("truncated", "before the end of the pixel data")
