"""Real files of many vendors and the cases of public bug reports, read as MANIFEST.csv and CASES.csv expect.

The corpus lies outside the project: TELERAD_CORPUS names it, else ../shared/corpus beside the checkout is used.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import config, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.pixels.utils import pixel_array

from core.intake.child import Parser
from core.intake.zips import ZipRefused, open_zip
from plugin_sdk.dicom.charset import decode, display_name
from plugin_sdk.dicom.digests import digests
from plugin_sdk.dicom.frames import file_frame
from plugin_sdk.dicom.guard import check
from plugin_sdk.dicom.header import dicom_json, read_header
from plugin_sdk.dicom.refusals import NotStored

CORPUS = Path(os.environ.get("TELERAD_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))
PUBLIC, CASES = CORPUS / "public", CORPUS / "cases" / "open"
pytestmark = [pytest.mark.corpus, pytest.mark.skipif(not PUBLIC.is_dir(), reason="no corpus here")]
ROWS: dict[str, dict[str, str]] = (
    {row["file"]: row for row in csv.DictReader((PUBLIC / "MANIFEST.csv").open(encoding="utf-8"))}
    if PUBLIC.is_dir()
    else {}
)

# Files that are not stored, by hand, each with its reason. Missing UIDs are refused even where the manifest, made for
# viewers, says accept: without a study UID there is no study to put them in.
NOT_STORED = {
    "dcm-qa-ct__S1000_DIRFILE": "is_dicomdir",
    "dcm4che__resources_DICOMDIR": "is_dicomdir",
    "pydicom__DICOMDIR-bigEnd": "is_dicomdir",
    "pydicom__DICOMDIR-empty.dcm": "is_dicomdir",
    "pydicom__DICOMDIR-nopatient": "is_dicomdir",
    "pydicom__dicomdirtests_DICOMDIR": "is_dicomdir",
    "dicom-test-files__no_meta.dcm": "not_dicom",         # begins one byte before its first element
    "fo-dicom__GH626.dcm": "bad_length",
    "dicom-test-files__MR_truncated.dcm": "truncated",
    "dicom-test-files__rtplan_truncated.dcm": "truncated",
    "fo-dicom__GH1339.dcm": "truncated",                  # the compressed stream has no end
    "fo-dicom__GH178.dcm": "truncated",                   # Rows and Columns, but no pixel data
    "fo-dicom__GH179A.dcm": "truncated",
    "fo-dicom__chrJapMulti.dcm": "truncated",
    "fo-dicom__chrJapMultiExplicitIR6.dcm": "truncated",
    "fo-dicom__chrKoreanMulti.dcm": "truncated",
    "dicom-test-files__bad_sequence.dcm": "bad_uid",
    "dicom-test-files__empty_charset_LEI.dcm": "bad_uid",
    "dicom-test-files__meta_missing_tsyntax.dcm": "bad_uid",
    "dicom-test-files__nested_priv_SQ.dcm": "bad_uid",
    "dicom-test-files__no_meta_group_length.dcm": "bad_uid",
    "fo-dicom__FreezePattern.dcm": "bad_uid",             # SOP Instance UID is empty
    "fo-dicom__GH220.dcm": "bad_uid",
    "fo-dicom__GH223.dcm": "bad_uid",
    "fo-dicom__GH487.dcm": "bad_uid",
    "fo-dicom__chrSQEncoding.dcm": "bad_uid",
    "fo-dicom__chrSQEncoding1.dcm": "bad_uid",
    "fo-dicom__multiframe.dcm": "bad_uid",
    "pydicom-data__HTJ2KLossless_08_RGB.dcm": "bad_uid",
    "pydicom-data__HTJ2K_08_RGB.dcm": "bad_uid",
    "pydicom-data__JLSL_RGB_ILV0.dcm": "bad_uid",
    "pydicom-data__JLSL_RGB_ILV1.dcm": "bad_uid",
    "pydicom__JPEGLSNearLossless_08.dcm": "bad_uid",
    "pydicom__JPEGLSNearLossless_16.dcm": "bad_uid",
    "pydicom__SC_rgb_jls_lossy_sample.dcm": "bad_uid",
    "pydicom__UN_sequence.dcm": "bad_uid",
    "pydicom__priv_SQ.dcm": "bad_uid",
    "weasis-dicom-tools__NeurosurgeryPlan.dcm": "bad_uid",
}
STORED = [name for name in ROWS if name not in NOT_STORED]
DECODED = [name for name in STORED if ROWS[name]["pydicom_decode"] == "ok"]


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    with Parser() as parser:
        yield parser


def outcome(path: Path) -> str:
    try:
        check(path)
    except NotStored as caught:
        return caught.reason
    return "stored"


@pytest.mark.parametrize("name", ROWS)
def test_each_public_file_has_the_outcome_written_here(name: str) -> None:
    assert outcome(PUBLIC / name) == NOT_STORED.get(name, "stored")


@pytest.mark.parametrize("name", [n for n in NOT_STORED if n in ROWS])
def test_nothing_that_must_be_accepted_is_lost_but_for_its_missing_identity_or_pixels(name: str) -> None:
    if ROWS[name]["expected"].startswith(("A", "B:")):
        data = dcmread(PUBLIC / name, force=True)
        assert not {"StudyInstanceUID", "SOPInstanceUID", "PixelData"} <= set(data.dir())


@pytest.mark.parametrize("name", STORED)
def test_the_child_reads_each_file_and_its_json_is_clean(parser: Parser, name: str) -> None:
    found = parser.parse(PUBLIC / name)
    text = json.dumps(found.dicom_json, ensure_ascii=False, allow_nan=False)
    assert "\\u001b" not in text and "$)A" not in found.header.name
    assert found.header.study_uid and found.header.sop_uid
    assert (PUBLIC / name).stat().st_size == found.guard.size


@pytest.mark.parametrize("name", [n for n in STORED if ROWS[n]["name_utf8"]])
def test_names_are_those_of_the_manifest(name: str) -> None:
    header = read_header(PUBLIC / name)
    assert header.name_pn.rstrip("=^ ") == ROWS[name]["name_utf8"].rstrip("=^ ")
    assert not header.repaired


def test_a_chinese_list_shows_the_chinese_name() -> None:
    if "fo-dicom__GH1301.dcm" in ROWS:
        assert read_header(PUBLIC / "fo-dicom__GH1301.dcm").name == "王小东"


@pytest.mark.parametrize("name", ["fo-dicom__chrJapMulti.dcm", "fo-dicom__chrKoreanMulti.dcm"])
def test_names_of_held_files_decode_too(name: str) -> None:
    data = dcmread(PUBLIC / name)
    raw = data.get_item("PatientName")
    assert isinstance(raw, RawDataElement) and raw.value is not None
    labels = data.get("SpecificCharacterSet") or [""]
    assert decode(raw.value, list(labels)).text == ROWS[name]["name_utf8"]


@pytest.mark.parametrize("name", STORED)
def test_the_json_agrees_with_pydicom_on_uids_texts_and_numbers(name: str) -> None:
    config.settings.reading_validation_mode = config.IGNORE
    ours = dicom_json(PUBLIC / name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = dcmread(PUBLIC / name, force=True)
        for tag in sorted(theirs.keys()):
            key = f"{int(tag):08X}"
            if tag.group % 2 or key not in ours or ours[key]["vr"] not in ("UI", "US", "SS", "UL", "FD", "FL"):
                continue
            wanted: Any = theirs[tag].value
            values = list(wanted) if isinstance(wanted, (list, tuple)) or hasattr(wanted, "append") else [wanted]
            got = ours[key].get("Value", [])
            if got and all(isinstance(v, int | float | str) for v in values):
                assert got == [str(v) if ours[key]["vr"] == "UI" else v for v in values], key


@pytest.mark.parametrize("name", [n for n in DECODED if ROWS[n]["transfer_syntax"] in (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
    and not ROWS[n]["photometric"].startswith("YBR") and not ROWS[n]["bits"].endswith("/1")])
def test_native_frames_are_the_pixels_that_pydicom_decodes(name: str) -> None:
    """One-bit and subsampled pixels are left out: pydicom unpacks these into more bytes."""
    path, row = PUBLIC / name, ROWS[name]
    result = check(path)
    assert result.pixels is not None
    data = dcmread(path, force=True)
    last = result.pixels.n_frames - 1
    ours = file_frame(path, result, last)
    if row["transfer_syntax"] == "1.2.840.10008.1.2.2":
        wanted = pixel_array(data, index=last, raw=True)
        if data.get("PlanarConfiguration") == 1 and wanted.ndim == 3:
            wanted = wanted.transpose(2, 0, 1)            # pydicom gives colour by pixel, the file by plane
        expected = wanted.astype(wanted.dtype.newbyteorder("<")).tobytes()
    else:
        whole = next(data[key].value for key in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if key in data)
        expected = whole[last * len(ours) : (last + 1) * len(ours)]
        bits = int(row["bits"].split("/")[-1].rstrip("s"))
        assert len(ours) == int(row["rows"]) * int(row["columns"]) * int(data.get("SamplesPerPixel", 1)) * bits // 8
    assert hashlib.sha256(ours).digest() == hashlib.sha256(expected).digest()


@pytest.mark.parametrize("name", [n for n in DECODED if ROWS[n]["transfer_syntax"].startswith("1.2.840.10008.1.2.4")])
def test_each_compressed_frame_begins_as_its_code_stream_does(name: str) -> None:
    result = check(PUBLIC / name)
    assert result.pixels is not None and result.pixels.n_frames == int(ROWS[name]["frames"] or 1)
    for index in range(result.pixels.n_frames):
        head = file_frame(PUBLIC / name, result, index)[:12]
        assert head[:2] in (b"\xff\xd8", b"\xff\x4f") or head[4:8] == b"jP  "


def test_the_data_digest_leaves_the_meta_information_out() -> None:
    path = PUBLIC / "dicom-test-files__CT_small.dcm"
    content = path.read_bytes()
    meta = 144 + struct.unpack_from("<I", content, 140)[0]
    assert digests(path, check(path).dataset_offset)[1] == hashlib.sha256(content[meta:]).hexdigest()


AGES = {
    "newborn_5d": "5天", "weeks": "24天", "eleven_months": "11月", "leap": "3岁", "no_birth_age_ok": "45岁",
    "no_birth_bad_age": "未知", "placeholder_birth": "未知", "zero_age": "45岁", "birth_after_study": "未知",
    "old_study": "24岁",
}
NAMES = {
    "C01/gbk_as_latin1_1": "张测试", "C01/gbk_as_latin1_2": "欧阳样本", "C01/gbk_as_latin1_3": "王小明",
    "C01/latin1_real_french": "Lefèvre Zoé", "C01/latin1_real_german": "Müller Jürgen",
    "C02/gbk_no_charset": "李示例", "C02/utf8_no_charset": "李示例", "C04/ir58": "周测试",
    "C07/pn_1": "王小明", "C07/pn_2": "王小明", "C07/pn_3": "", "C07/pn_4": "WANG XIAO MING", "C07/pn_5": "王小明",
}
OUTCOMES = {
    "P09/missing_StudyInstanceUID": "bad_uid", "P09/empty_SOPInstanceUID": "bad_uid",
    "P09/missing_SeriesInstanceUID": "bad_uid", "P09/missing_PatientID": "stored", "P09/empty_Modality": "stored",
    "P09/missing_AccessionNumber": "stored", "P09/empty_StudyDate": "stored",
    "P11/study_uid_leading_zero": "stored", "P11/study_uid_spaces": "stored", "P11/sop_uid_trailing_nul": "stored",
    "P11/study_uid_path": "bad_uid", "P11/sop_uid_over64": "bad_uid", "P11/study_uid_letters": "bad_uid",
    "Z08/declares_4GB": "bad_length", "Z08/private_OB_undefined_length": "bad_length",
    "Z08/sequence_3000_deep": "too_deep", "Z08/private_3MB_tag": "stored", "Z09/random": "not_dicom",
    "I09/frames_text": "stored", "I09/frames_zero": "stored", "I09/frames_too_many": "stored",
    "D01/date_02": "stored", "D01/date_13": "stored", "D01/time_01": "stored",
}


@pytest.mark.parametrize("name", AGES)
def test_ages_of_the_reported_cases(name: str) -> None:
    assert read_header(CASES / "P01" / f"{name}.dcm").age == AGES[name]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_the_reported_cases(name: str) -> None:
    assert read_header(CASES / f"{name}.dcm").name == NAMES[name]


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcomes_of_the_reported_cases(name: str) -> None:
    assert outcome(CASES / f"{name}.dcm") == OUTCOMES[name]


def test_a_big_private_tag_is_not_loaded_and_texts_lose_their_escapes() -> None:
    assert "00111001" not in dicom_json(CASES / "Z08" / "private_3MB_tag.dcm")
    assert read_header(CASES / "C04" / "ir58.dcm").study_description == "头颅 MRI 增强"
    assert read_header(CASES / "C02" / "gbk_no_charset.dcm").body_part == "胸部"
    assert display_name("Wang^XiaoMing=王^小明=") == "王小明"


@pytest.mark.parametrize("path", sorted(CASES.glob("I0*/*.dcm")) if CASES.is_dir() else [], ids=lambda p: p.stem)
def test_every_generated_image_gives_a_picture(parser: Parser, path: Path) -> None:
    assert parser.render_png(path).startswith(b"\x89PNG")


ZIPS = {
    "Z01/mac_cd": ["CD/IMG1.dcm", "CD/IMG2"],
    "Z02/gbk_names_no_utf8_flag": ["患者资料/张三_胸部CT.dcm", "检查報告/图像 01.dcm", "李璡/1.dcm"],
    "Z02/utf8_names": ["患者资料/😀 图像.dcm"],
    "Z03/slip": ["good/1.dcm", "aux.dcm", "a" * 300],
    "Z05/aes_password_20240305": [],
    "Z06/one_level": ["top.dcm"],
    "Z06/twelve_levels": [],
    "Z09/nothing_dicom": [],
    "Z04/bomb_lying_size": ["ok.dcm"],
    "Z04/bomb_600MB": "zip_inflates_too_far",
    "Z09/not_a_zip": "zip_broken",
    "Z09/truncated": "zip_broken",
}


@pytest.mark.parametrize("name", ZIPS)
def test_zips_of_the_reported_cases_give_exactly_their_images(tmp_path: Path, name: str) -> None:
    stored: list[str] = []
    try:
        with open_zip(CASES / f"{name}.zip") as archive:
            for entry in archive:
                target = tmp_path / "entry"
                try:
                    target.write_bytes(b"".join(entry.chunks()))
                except ZipRefused as caught:
                    assert not caught.whole
                    continue
                if outcome(target) == "stored":
                    stored.append(entry.name)
    except ZipRefused as caught:
        assert caught.reason == ZIPS[name]
    else:
        assert stored == ZIPS[name]
