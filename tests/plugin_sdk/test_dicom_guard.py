"""Hostile and broken files: each is refused or held for its own reason, quickly and in little memory."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from plugin_sdk.dicom.guard import check
from plugin_sdk.dicom.refusals import HeldBack, NotStored, Refused

EXPLICIT, DEFLATED, JPEG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.50"
CT = "1.2.840.10008.5.1.4.1.1.2"


def explicit(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in ("OB", "OW", "SQ", "UN", "UT"):
        return head + struct.pack("<HI", 0, size) + value
    return head + struct.pack("<H", size) + value


IDENTITY = (
    explicit(0x00080016, "UI", CT.encode() + b"\0")
    + explicit(0x00080018, "UI", b"1.2.3.4\0")
    + explicit(0x0020000D, "UI", b"1.2.3\0")
    + explicit(0x0020000E, "UI", b"1.2.3.5\0")
)
IMAGE = (
    explicit(0x00280002, "US", b"\1\0")
    + explicit(0x00280010, "US", b"\4\0")
    + explicit(0x00280011, "US", b"\4\0")
    + explicit(0x00280100, "US", b"\x10\0")
)


def part10(body: bytes, syntax: str = EXPLICIT) -> bytes:
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = explicit(0x00020010, "UI", uid)
    return b"\0" * 128 + b"DICM" + explicit(0x00020000, "UL", struct.pack("<I", len(meta))) + meta + body


def reason(content: bytes) -> tuple[type[NotStored], str]:
    with pytest.raises(NotStored) as caught:
        check(io.BytesIO(content))
    return type(caught.value), caught.value.reason


def nested(depth: int) -> bytes:
    opening = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 2**32 - 1)
    closing = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return opening * depth + closing * depth


def ct_file(rows: int = 16, frames: int = 1) -> bytes:
    """Write a CT with pydicom, so that the guard is not tested with its own idea of a file."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    data.SOPClassUID, data.SOPInstanceUID = CT, "1.2.3.4"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3", "1.2.3.5"
    data.Rows = data.Columns = rows
    data.SamplesPerPixel, data.BitsAllocated, data.BitsStored, data.HighBit = 1, 16, 12, 11
    data.PixelRepresentation, data.PhotometricInterpretation = 0, "MONOCHROME2"
    data.NumberOfFrames = frames
    data.PixelData = bytes(rows * rows * 2 * frames)
    out = io.BytesIO()
    dcmwrite(out, data, enforce_file_format=True)
    return out.getvalue()


REFUSED = {
    "nothing at all": (b"", "empty"),
    "text": (b"this is not dicom" * 20, "not_dicom"),
    "a picture": (b"\xff\xd8\xff\xe0" + bytes(500), "not_dicom"),
    "a directory": (part10(explicit(0x00041220, "SQ", b"")), "is_dicomdir"),
    "no study": (part10(IDENTITY.replace(explicit(0x0020000D, "UI", b"1.2.3\0"), b"")), "bad_uid"),
    "a study that is a path": (part10(IDENTITY.replace(b"1.2.3\0", b"../etc")), "bad_uid"),
    "4 GB in 1 kB": (part10(IDENTITY + explicit(0x00104000, "UT", b"A" * 500, 0xFFFFFFF0)), "bad_length"),
    "4 GB of pixels": (part10(IDENTITY + IMAGE + explicit(0x7FE00010, "OW", bytes(32), 0xFFFFFFF0)), "bad_length"),
    "text of undefined length": (part10(IDENTITY + explicit(0x00104000, "UT", b"AAAAAAAA", 2**32 - 1)), "bad_length"),
    "undefined length, no fragments": (
        part10(IDENTITY + explicit(0x00491001, "OB", b"not a sequence  ", 2**32 - 1)), "bad_length",
    ),
    "33 levels": (part10(IDENTITY + nested(33)), "too_deep"),
    "3,000 levels": (part10(IDENTITY + nested(3000)), "too_deep"),
    "100,001 elements": (
        part10(IDENTITY + b"".join(explicit(0x00110000 + i % 60000 + 0x1000, "LO", b"") for i in range(100_000))),
        "too_many_elements",
    ),
    "100,000 empty items": (
        part10(IDENTITY + explicit(0x0040A730, "SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 100_000)),
        "too_many_elements",
    ),
    "17 MB of text": (part10(IDENTITY + explicit(0x00104000, "UT", b"A" * (17 << 20))), "header_too_big"),
    "a frame of 8 GB": (
        part10(
            IDENTITY
            + explicit(0x00280010, "US", b"\xff\xff")
            + explicit(0x00280011, "US", b"\xff\xff")
            + explicit(0x00280100, "US", b"\x10\0")
            + explicit(0x7FE00010, "OW", bytes(64))
        ),
        "frame_too_big",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_file_is_refused_for_its_own_reason(name: str) -> None:
    content, expected = REFUSED[name]
    assert reason(content) == (Refused, expected)


def test_32_levels_and_100_000_elements_are_still_read() -> None:
    assert check(io.BytesIO(part10(IDENTITY + nested(16)))).sop_uid == "1.2.3.4"
    many = b"".join(explicit(0x00111000 + i % 60000, "LO", b"") for i in range(99_990))
    assert check(io.BytesIO(part10(IDENTITY + many))).sop_uid == "1.2.3.4"


def deflated(plain: bytes) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return part10(engine.compress(plain) + engine.flush(), DEFLATED)


def test_a_deflated_bomb_is_refused_without_being_unpacked() -> None:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = engine.compress(IDENTITY + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 256 << 20))
    packed += b"".join(engine.compress(bytes(1 << 20)) for _ in range(256)) + engine.flush()
    bomb = part10(packed, DEFLATED)
    assert len(bomb) < 300_000
    tracemalloc.start()
    assert reason(bomb) == (Refused, "inflates_too_far")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


def test_a_deflated_image_is_read_and_a_cut_one_held() -> None:
    pixels = bytes(range(32))
    whole = deflated(IDENTITY + IMAGE + explicit(0x7FE00010, "OW", pixels))
    found = check(io.BytesIO(whole))
    assert found.inflated and found.pixels is not None and found.pixels.n_frames == 1
    assert reason(whole[:-5]) == (HeldBack, "truncated")
    assert reason(part10(b"\xff" * 40, DEFLATED)) == (HeldBack, "unreadable")


@pytest.mark.parametrize("cut", [1, 100, 511, 512, 513, 520])
def test_a_cut_file_is_held_even_when_only_one_byte_or_all_pixels_are_gone(cut: int) -> None:
    whole = ct_file()
    assert check(io.BytesIO(whole)).pixels is not None
    assert reason(whole[:-cut]) == (HeldBack, "truncated")


def test_pixels_shorter_than_rows_and_columns_say_are_held_although_every_length_is_true() -> None:
    short = part10(IDENTITY + IMAGE + explicit(0x7FE00010, "OW", bytes(30)))
    assert reason(short) == (HeldBack, "truncated")
    assert check(io.BytesIO(part10(IDENTITY + IMAGE + explicit(0x7FE00010, "OW", bytes(32))))).notes == ()


def test_frames_that_are_there_count_and_the_difference_is_noted() -> None:
    too_many = IDENTITY + explicit(0x00280008, "IS", b"5 ") + IMAGE + explicit(0x7FE00010, "OW", bytes(64))
    found = check(io.BytesIO(part10(too_many)))
    assert found.pixels is not None and found.pixels.n_frames == 2 and found.notes == ("fewer_frames",)


def test_compressed_pixels_without_their_end_are_held() -> None:
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 4)
    stream = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + item + b"\xff\xd8\xff\xd9"
    body = IDENTITY + IMAGE + explicit(0x7FE00010, "OB", stream, 2**32 - 1)
    assert reason(part10(body, JPEG)) == (HeldBack, "truncated")
    found = check(io.BytesIO(part10(body + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0), JPEG)))
    assert found.pixels is not None and found.pixels.encapsulated and found.pixels.n_frames == 1


def test_the_data_set_begins_after_the_meta_information_whatever_its_length_field_says() -> None:
    lying = bytearray(part10(IDENTITY))
    lying[140:144] = struct.pack("<I", 4000)
    assert check(io.BytesIO(bytes(lying))).dataset_offset == check(io.BytesIO(part10(IDENTITY))).dataset_offset
    bare = check(io.BytesIO(IDENTITY))
    assert (bare.dataset_offset, bare.transfer_syntax) == (0, EXPLICIT)
    assert set(bare.notes) == {"no_preamble", "no_meta"}


def test_a_broken_sequence_costs_that_sequence_and_not_the_image() -> None:
    lying_item = struct.pack("<HHI", 0xFFFE, 0xE000, 400) + explicit(0x00080100, "SH", b"AB")
    body = explicit(0x00081140, "SQ", lying_item) + IDENTITY + IMAGE + explicit(0x7FE00010, "OW", bytes(32)) + bytes(300)
    assert "sequence_left_out" in check(io.BytesIO(part10(body))).notes


def test_an_item_outside_of_a_sequence_never_becomes_the_identity() -> None:
    foreign = explicit(0x00080018, "UI", b"9.9.9.9\0")
    stray = struct.pack("<HHI", 0xFFFE, 0xE000, len(foreign)) + foreign
    empty = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + foreign
    for odd in (stray, empty):
        found = check(io.BytesIO(part10(IDENTITY + explicit(0x00400555, "SQ", b"") + odd)))
        assert found.sop_uid == "1.2.3.4" and "stray_item" in found.notes


def test_every_flipped_byte_of_a_header_is_stored_held_or_refused(tmp_path: Path) -> None:
    whole = ct_file(rows=4)
    for at in range(128, len(whole)):
        for value in (0x00, 0xFF, whole[at] ^ 0x80):
            mutated = whole[:at] + bytes([value]) + whole[at + 1 :]
            try:
                check(io.BytesIO(mutated))
            except NotStored as caught:
                assert caught.reason
