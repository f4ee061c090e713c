"""Headers, JSON, digests and frames of files that pydicom wrote."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID

from plugin_sdk.dicom.digests import digests
from plugin_sdk.dicom.frames import NoSuchFrame, file_frame
from plugin_sdk.dicom.guard import check
from plugin_sdk.dicom.header import dicom_json, read_header
from plugin_sdk.dicom.pixels import pack_frames, unpack_frames
from plugin_sdk.dicom.render import render_png

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, JPEG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.50"


def dataset(pixels: np.ndarray, frames: int = 1) -> Dataset:
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3", "1.2.3.5"
    data.Rows, data.Columns = pixels.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation, data.NumberOfFrames = 1, "MONOCHROME2", frames
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsAllocated - 1, 0
    data.add_new(0x7FE00010, "OW", pixels.tobytes())
    return data


def save(path: Path, data: Dataset, syntax: str = EXPLICIT) -> Path:
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID(syntax)
    dcmwrite(path, data, enforce_file_format=True)
    return path


RAMP = np.arange(2 * 4 * 4, dtype="<u2").reshape(2, 4, 4) * 259


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, DEFLATED])
def test_a_native_frame_is_cut_by_its_bytes(tmp_path: Path, syntax: str) -> None:
    path = save(tmp_path / "a.dcm", dataset(RAMP, 2), syntax)
    result = check(path)
    assert [file_frame(path, result, n) for n in (0, 1)] == [RAMP[0].tobytes(), RAMP[1].tobytes()]
    with pytest.raises(NoSuchFrame):
        file_frame(path, result, 2)


def test_a_big_endian_frame_leaves_as_little_endian(tmp_path: Path) -> None:
    data = dataset(RAMP, 2)
    data[0x7FE00010].value = RAMP.astype(">u2").tobytes()
    path = save(tmp_path / "big.dcm", data, BIG)
    assert file_frame(path, check(path), 1) == RAMP[1].tobytes()


def test_a_1_bit_frame_that_begins_inside_a_byte_is_moved_to_its_start(tmp_path: Path) -> None:
    data = dataset(np.zeros((3, 3), "<u2"), 2)
    data.BitsAllocated = data.BitsStored = 1
    data.HighBit = 0
    first, second = 0b101010101, 0b111000110
    data[0x7FE00010].value = (first | second << 9).to_bytes(4, "little")
    path = save(tmp_path / "seg.dcm", data)
    result = check(path)
    assert [int.from_bytes(file_frame(path, result, n), "little") for n in (0, 1)] == [first, second]


@pytest.mark.parametrize("table", [True, False])
def test_compressed_frames_are_found_with_and_without_an_offset_table(tmp_path: Path, table: bool) -> None:
    streams = [b"\xff\xd8" + bytes([n]) * (100 + n) + b"\xff\xd9" for n in range(3)]
    data = dataset(np.zeros((8, 8), "<u1"), 3)
    data.PixelData = encapsulate([s + b"\0" * (len(s) % 2) for s in streams], fragments_per_frame=2, has_bot=table)
    data["PixelData"].is_undefined_length = True
    data["PixelData"].VR = "OB"
    path = save(tmp_path / "jpeg.dcm", data, JPEG)
    result = check(path)
    assert result.pixels is not None and result.pixels.n_frames == 3
    for n, stream in enumerate(streams):
        assert file_frame(path, result, n).startswith(stream)
    oracle = list(generate_frames(dcmread(path).PixelData, number_of_frames=3))
    assert [file_frame(path, result, n) for n in range(3)] == oracle
    assert unpack_frames(pack_frames(result.pixels.frames)) == result.pixels.frames


def test_both_digests_come_from_one_reading(tmp_path: Path) -> None:
    path = save(tmp_path / "a.dcm", dataset(RAMP, 2))
    content, offset = path.read_bytes(), check(path).dataset_offset
    assert content[offset : offset + 4] == b"\x08\x00\x16\x00"
    assert digests(path, offset) == (
        hashlib.sha256(content).hexdigest(), hashlib.sha256(content[offset:]).hexdigest(),
    )
    big = tmp_path / "big"
    big.write_bytes(bytes(3 << 20) + b"x")
    assert digests(big, 1 << 20)[1] == hashlib.sha256(bytes(2 << 20) + b"x").hexdigest()


def test_the_header_holds_mended_text_and_sensible_values(tmp_path: Path) -> None:
    data = dataset(RAMP, 2)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.PatientID, data.PatientBirthDate, data.StudyDate, data.StudyTime = "P1", "19660301", "20240305", "101530"
    data.InstanceNumber, data.Modality = 7, "CT"
    data.Manufacturer, data.ManufacturerModelName = "ACME", "ACME Scan 9"
    path = save(tmp_path / "a.dcm", data)
    content = path.read_bytes()
    name = b"\x10\x00\x10\x00PN\x06\x00" + "张测试".encode("gbk")
    at = content.index(b"\x10\x00\x20\x00LO")
    path.write_bytes(content[:at] + name + content[at:])
    header = read_header(path)
    assert (header.name, header.charset, header.repaired) == ("张测试", "gb18030", True)
    assert header.name_raw == "张测试".encode("gbk")
    assert (header.age, str(header.study_date), str(header.study_time)) == ("58岁", "2024-03-05", "10:15:30")
    assert (header.instance_number, header.frames, header.rows, header.device) == (7, 2, 4, "ACME Scan 9")


def test_the_json_is_utf8_without_bulk_and_survives_odd_values(tmp_path: Path) -> None:
    data = dataset(RAMP, 2)
    data.SpecificCharacterSet = "GB18030"
    data.PatientName = "Wang^XiaoDong=王^小东"
    data.add_new(0x00281050, "DS", "40")
    data.add_new(0x00181151, "IS", "12")
    data.add_new(0x00110010, "LO", "ACME")
    data.add_new(0x00111001, "UN", b"\1\2")
    data.add_new(0x00111002, "UN", bytes(5000))
    item = Dataset()
    item.CodeMeaning = "胸部"
    data.ProcedureCodeSequence = Sequence([item])
    path = save(tmp_path / "a.dcm", data)
    path.write_bytes(path.read_bytes().replace(b"IS\x02\x0012", b"IS\x02\x001A"))
    found = dicom_json(path)
    assert json.loads(json.dumps(found, ensure_ascii=False, allow_nan=False)) == found
    assert found["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert found["00100010"]["Value"] == [{"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小东"}]
    assert found["00081032"]["Value"][0]["00080104"] == {"vr": "LO", "Value": ["胸部"]}
    assert found["00281050"] == {"vr": "DS", "Value": [40]}
    assert found["00181151"] == {"vr": "IS", "Value": ["1A"]}
    assert found["00111001"] == {"vr": "UN", "InlineBinary": "AQI="}
    assert not {"7FE00010", "00111002", "00080000"} & set(found)


def picture(path: Path, frame: int = 0, window: tuple[float, float] | None = None) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(render_png(path, frame, window))))


def test_monochrome1_is_inverted_once(tmp_path: Path) -> None:
    halves = np.zeros((8, 8), "<u2")
    halves[:, 4:] = 4095
    data = dataset(halves)
    data.WindowCenter, data.WindowWidth = 2048, 4096
    assert picture(save(tmp_path / "m2.dcm", data))[0].tolist() == [0] * 4 + [255] * 4
    data.PhotometricInterpretation = "MONOCHROME1"
    assert picture(save(tmp_path / "m1.dcm", data))[0].tolist() == [255] * 4 + [0] * 4
    data.PresentationLUTShape = "INVERSE"
    assert picture(save(tmp_path / "both.dcm", data))[0].tolist() == [255] * 4 + [0] * 4


@pytest.mark.parametrize(("centre", "width"), [("40", "0"), ("40", "-400"), ("abc", "xyz"), ("-99999999", "1"), ("", "")])
def test_a_useless_window_still_gives_a_picture(tmp_path: Path, centre: str, width: str) -> None:
    data = dataset((np.arange(64 * 64).reshape(64, 64) % 4096).astype("<u2"))
    path = save(tmp_path / "w.dcm", data)
    window = b"".join(
        b"\x28\x00" + tag + b"DS" + len(v + " " * (len(v) % 2)).to_bytes(2, "little") + (v + " " * (len(v) % 2)).encode()
        for tag, v in ((b"\x50\x10", centre), (b"\x51\x10", width))
    )
    content = path.read_bytes()
    at = content.index(b"\xe0\x7f\x10\x00")
    path.write_bytes(content[:at] + window + content[at:])
    shown = picture(path)
    assert (shown.min(), shown.max()) == (0, 255)


def test_a_caller_may_choose_the_window(tmp_path: Path) -> None:
    data = dataset(np.array([[0, 100], [200, 300]], "<u2"))
    data.RescaleIntercept, data.RescaleSlope = -100, 1
    assert picture(save(tmp_path / "c.dcm", data), window=(0, 2)).tolist() == [[0, 255], [255, 255]]


def test_float_pixels_are_drawn_as_the_numbers_they_are(tmp_path: Path) -> None:
    data = dataset(np.zeros((2, 2), "<u2"))
    del data[0x7FE00010]
    data.add_new(0x7FE00008, "OF", np.array([[-1.0, 0.0], [1.0, 1.0]], "<f4").tobytes())
    data.BitsAllocated = 32
    assert picture(save(tmp_path / "f.dcm", data), window=(0, 2))[:, 0].tolist() == [0, 255]


def test_the_last_of_many_frames_is_drawn_without_the_others(tmp_path: Path) -> None:
    data = dataset(np.stack([np.full((4, 4), n, "<u2") for n in (10, 20, 30)]), 3)
    data.RescaleIntercept, data.RescaleSlope = 0, 1
    path = save(tmp_path / "m.dcm", data)
    assert [int(picture(path, n, (20, 20))[0, 0]) for n in range(3)] == [0, 134, 255]
