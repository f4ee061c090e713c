"""What is refused says why in the words that the manual of refusals gives it; what is good beside it is stored."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import pytest

from tests.conftest import World
from tests.core.intake.objects import packed, sample
from tests.core.intake.test_uploads import MB, outcomes, send

CT, MR = sample(), sample("MR_small.dcm")


def said(found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Outcome and sentence by name; the sum is checked on the way."""
    counts = found["counts"]
    assert counts["files"] == sum(counts[k] for k in ("stored", "duplicate", "held", "refused")) == len(found["files"])
    return {f["name"]: (f["outcome"], f["text"]) for f in found["files"]}


def padded(data: bytes, size: int) -> bytes:
    """The same object with trailing padding (FFFC,FFFC), PS3.10 7.2, so that it has ``size`` bytes, an even number."""
    extra = size - len(data) - 12
    return data + b"\xfc\xff\xfc\xffOB\x00\x00" + extra.to_bytes(4, "little") + bytes(extra)


@pytest.mark.feature("S-027")
def test_what_is_no_image_is_refused_with_its_reason_in_words(world: World) -> None:
    found = send(
        world, ("报告.pdf", b"%PDF-1.7"), ("IM001", b""), ("noise.dcm", b"\x01" * 500), ("DICOMDIR", sample("DICOMDIR")),
        ("good.DCM", CT), ("IM002", MR),
    )
    assert said(found) == {
        "报告.pdf": ("refused", "只接受 dcm 和 zip"),
        "IM001": ("refused", "文件为空"),
        "noise.dcm": ("refused", "不是 DICOM 文件"),
        "DICOMDIR": ("refused", "目录文件，不是影像"),
        "good.DCM": ("stored", "已入库"),
        "IM002": ("stored", "已入库"),
    }


def test_a_request_without_files_is_refused(world: World) -> None:
    answer = world.technician.call("POST", "/uploads", data={"note": "x"}, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "file"


@pytest.mark.feature("S-028")
def test_an_image_of_almost_20_mb_is_stored_and_one_of_20_mb_is_refused(world: World) -> None:
    found = send(world, ("below.dcm", padded(CT, 20 * MB - 2)), ("at.dcm", padded(CT, 20 * MB)))
    assert said(found) == {
        "below.dcm": ("stored", "已入库"),
        "at.dcm": ("refused", "单个 dcm 应小于 20 MB"),
    }


@pytest.mark.feature("S-027")
def test_bad_entries_of_a_zip_are_named_and_the_good_ones_stored(world: World) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("link.dcm")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        for name in ("患者/one.dcm", "secret.dcm", "..\\win.dcm", "/etc/passwd", "c:/x.dcm", "in/../../up.dcm"):
            archive.writestr(name, CT)
        archive.writestr(link, "/etc/passwd")
        archive.writestr("inner.ZIP", packed({"deep.dcm": MR}))
        archive.writestr("hidden", packed({"deep.dcm": MR}))
        archive.writestr("leer.dcm", b"")
        archive.writestr("two", MR)
        archive.writestr("__MACOSX/._one.dcm", b"x")
        archive.writestr("患者/Thumbs.db", b"x")
        archive.writestr("DICOMDIR", sample("DICOMDIR"))
    data = encrypt(out.getvalue(), b"secret.dcm")
    assert said(send(world, ("全部.zip", data))) == {
        "全部.zip/患者/one.dcm": ("stored", "已入库"),
        "全部.zip/secret.dcm": ("refused", "已加密"),
        "全部.zip/..\\win.dcm": ("refused", "路径不安全"),
        "全部.zip//etc/passwd": ("refused", "路径不安全"),
        "全部.zip/c:/x.dcm": ("refused", "路径不安全"),
        "全部.zip/in/../../up.dcm": ("refused", "路径不安全"),
        "全部.zip/link.dcm": ("refused", "是链接"),
        "全部.zip/inner.ZIP": ("refused", "是压缩包中的压缩包"),
        "全部.zip/hidden": ("refused", "是压缩包中的压缩包"),
        "全部.zip/leer.dcm": ("refused", "文件为空"),
        "全部.zip/two": ("stored", "已入库"),
        "全部.zip/DICOMDIR": ("refused", "目录文件，不是影像"),
    }


def encrypt(data: bytes, name: bytes) -> bytes:
    """Set the flag of encryption (APPNOTE 4.4.4) of one entry, in both of its headers."""
    raw = bytearray(data)
    for signature, flags, start in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        at = raw.find(signature)
        while raw[at + start : at + start + len(name)] != name:
            at = raw.index(signature, at + 1)
        raw[at + flags] |= 1
    return bytes(raw)


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.dcm", CT)
        archive.writestr("zeros.dcm", bytes(40 * MB))
    return out.getvalue()


def too_many() -> bytes:
    """An end record (APPNOTE 4.3.16) that counts 50,001 entries."""
    data = bytearray(packed({"good.dcm": CT}))
    struct.pack_into("<2H", data, data.rfind(b"PK\x05\x06") + 8, 50_001, 50_001)
    return bytes(data)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (bomb, "压缩包解压后过大"),
        (too_many, "压缩包内超过 50,000 个文件"),
        (lambda: packed({"good.dcm": CT})[:-30], "压缩包已损坏"),
        (lambda: CT, "压缩包已损坏"),
        (lambda: b"", "文件为空"),
    ],
    ids=["inflates too far", "too many entries", "cut off", "no archive", "empty"],
)
@pytest.mark.feature("S-027")
def test_a_zip_that_is_refused_whole_is_one_line_and_its_neighbour_is_stored(
    world: World, make: Any, sentence: str
) -> None:
    found = send(world, ("bad.zip", make()), ("beside.dcm", MR))
    assert said(found) == {"bad.zip": ("refused", sentence), "beside.dcm": ("stored", "已入库")}


def test_a_zip_without_any_file_is_done_with_an_empty_list(world: World) -> None:
    found = send(world, ("folders.zip", packed({"in/": b"", "__MACOSX/x": b"x"})))
    assert (found["state"], found["counts"]["files"], outcomes(found)) == ("done", 0, [])


def test_an_archive_named_dcm_is_opened_and_an_image_named_like_a_number_is_an_image(world: World) -> None:
    found = send(world, ("disguised.dcm", packed({"one.dcm": CT})), ("1.2.840.113", MR))
    assert said(found) == {"disguised.dcm/one.dcm": ("stored", "已入库"), "1.2.840.113": ("stored", "已入库")}


def test_the_list_of_files_can_be_left_out_of_the_answer(world: World) -> None:
    found = send(world, ("a.dcm", CT))
    short = world.technician.call("GET", f"/uploads/{found['id']}?files=0").get_json()
    assert short == {key: found[key] for key in ("id", "state", "counts")}


def test_a_group_takes_no_uploads(world: World) -> None:
    data = {"file": [(io.BytesIO(CT), "a.dcm")]}
    answer = world.reader.call("POST", "/uploads", data=data, content_type="multipart/form-data")
    assert answer.status_code == 404
