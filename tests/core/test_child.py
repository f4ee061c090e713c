"""The limited child: it answers as the code in the parent would, and its death costs one file only."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from core.intake.child import ChildDied, Parser
from plugin_sdk.dicom.guard import check
from plugin_sdk.dicom.header import dicom_json, read_header
from plugin_sdk.dicom.refusals import HeldBack, Refused
from plugin_sdk.dicom.render import CannotRender


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1")
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3", "1.2.3.5"
    data.PatientName, data.PatientBirthDate, data.StudyDate, data.StudyTime = "王^小明", "19660301", "20240305", "101530"
    data.Rows = data.Columns = 16
    data.SamplesPerPixel, data.BitsAllocated, data.BitsStored, data.HighBit = 1, 16, 16, 15
    data.PixelRepresentation, data.PhotometricInterpretation, data.NumberOfFrames = 0, "MONOCHROME2", 2
    data.PixelData = bytes(range(256)) * 4
    dcmwrite(tmp_path / "ct.dcm", data, enforce_file_format=True)
    return tmp_path / "ct.dcm"


@pytest.fixture
def parser() -> Iterator[Parser]:
    with Parser() as parser:
        yield parser


def test_the_child_reads_what_the_parent_would(parser: Parser, ct: Path) -> None:
    found = parser.parse(ct)
    assert found.header == read_header(ct) and found.guard == check(ct) and found.dicom_json == dicom_json(ct)
    assert (found.header.name, found.header.age) == ("王小明", "58岁")


def test_one_child_serves_many_files_and_refusals_do_not_end_it(parser: Parser, ct: Path, tmp_path: Path) -> None:
    parser.parse(ct)
    first = parser.pid
    (tmp_path / "text").write_bytes(b"no image " * 50)
    (tmp_path / "cut").write_bytes(ct.read_bytes()[:-10])
    with pytest.raises(Refused, match="not_dicom"):
        parser.parse(tmp_path / "text")
    with pytest.raises(HeldBack, match="truncated"):
        parser.parse(tmp_path / "cut")
    with pytest.raises(HeldBack, match="unreadable FileNotFoundError"):
        parser.parse(tmp_path / "absent")
    parser.parse(ct)
    assert parser.pid == first


def test_a_frame_is_drawn_in_the_child(parser: Parser, ct: Path) -> None:
    assert Image.open(io.BytesIO(parser.render_png(ct, 1))).size == (16, 16)
    with pytest.raises(CannotRender):
        parser.render_png(ct, 2)


@pytest.mark.parametrize(("number", "reason"), [
    (signal.SIGSEGV, "crash"), (signal.SIGABRT, "crash"), (signal.SIGKILL, "memory"), (signal.SIGXCPU, "cpu"),
])
def test_a_death_is_told_and_the_next_file_gets_a_new_child(
    parser: Parser, ct: Path, tmp_path: Path, number: signal.Signals, reason: str
) -> None:
    parser.parse(ct)
    dying = parser.pid
    assert dying is not None
    os.mkfifo(tmp_path / "waits")                         # the child opens it and waits, so the signal meets it at work
    threading.Timer(0.3, os.kill, (dying, number)).start()
    with pytest.raises(ChildDied, match=reason):
        parser.parse(tmp_path / "waits")
    assert parser.parse(ct).header.sop_uid == "1.2.3.4"
    assert parser.pid != dying


def test_a_child_that_hangs_is_ended_by_the_clock(ct: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "waits")
    with Parser(wall=3) as parser:
        start = time.monotonic()
        with pytest.raises(ChildDied, match="timeout"):
            parser.parse(tmp_path / "waits")
        assert time.monotonic() - start < 20
        assert parser.parse(ct).header.sop_uid == "1.2.3.4"


def test_the_limits_hold_in_the_child(parser: Parser, ct: Path) -> None:
    parser.render_png(ct)                                 # numpy and the decoders are loaded below the limit
    limits = Path(f"/proc/{parser.pid}/limits").read_text()
    found = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()}
    assert found["Max address space"] == str(2 * 1024**3)
    assert found["Max core file size"] == "0"
    assert 20 <= int(found["Max cpu time"]) <= 25


def test_too_much_memory_costs_the_child_and_not_the_parent(ct: Path) -> None:
    with Parser(memory=160 * 1024**2) as parser:
        parser.parse(ct)
        with pytest.raises((ChildDied, HeldBack, CannotRender)):
            parser.render_png(ct)                         # numpy alone does not fit
        assert parser.parse(ct).header.sop_uid == "1.2.3.4"


def test_a_child_that_has_come_near_its_limit_is_not_given_the_next_file(ct: Path) -> None:
    with Parser() as parser:
        parser.parse(ct)
        pages = int(Path(f"/proc/{parser.pid}/statm").read_text().split()[0])
    with Parser(memory=pages * os.sysconf("SC_PAGE_SIZE") * 5 // 4) as parser:
        assert parser.parse(ct).header.sop_uid == "1.2.3.4"
        assert parser.pid is None
        assert parser.parse(ct).header.sop_uid == "1.2.3.4"


def test_the_child_sees_no_secret(monkeypatch: pytest.MonkeyPatch, ct: Path) -> None:
    monkeypatch.setenv("TELERAD_SECRET_KEY", "canary")
    with Parser() as parser:
        parser.parse(ct)
        assert b"canary" not in Path(f"/proc/{parser.pid}/environ").read_bytes()


def test_leaving_the_block_ends_the_child(ct: Path) -> None:
    with Parser() as parser:
        parser.parse(ct)
        pid = parser.pid
    assert parser.pid is None and not Path(f"/proc/{pid}").exists()
