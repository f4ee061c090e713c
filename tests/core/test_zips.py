"""Archives that try to get out, to blow up or to hide: each is refused for its reason, the good files stay readable."""

from __future__ import annotations

import io
import resource
import stat
import struct
import time
import zipfile
from pathlib import Path

import pytest

from core.intake.zips import ZipRefused, open_zip


def packed(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ZipRefused) as caught, open_zip(path) as archive:
        for entry in archive:
            if not entry.refusal:
                b"".join(entry.chunks())
    return caught.value.reason


def listing(path: Path) -> dict[str, str]:
    with open_zip(path) as archive:
        return {entry.name: entry.refusal for entry in archive}


def test_good_files_come_out_whole_in_pieces(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4000
    with open_zip(packed(tmp_path / "a.zip", {"d/1.dcm": content, "d/": b"", "2": b"x"})) as archive:
        found = {entry.name: list(entry.chunks()) for entry in archive}
    assert b"".join(found["d/1.dcm"]) == content and len(found["d/1.dcm"]) > 1
    assert found["2"] == [b"x"] and set(found) == {"d/1.dcm", "2"}


@pytest.mark.parametrize(
    "name", ["../out.dcm", "a/../../out.dcm", "/abs.dcm", "C:\\out.dcm", "..\\..\\win.dcm", "C:out.dcm", "\\\\host\\x.dcm"]
)
def test_a_path_that_leaves_is_refused_alone(tmp_path: Path, name: str) -> None:
    path = packed(tmp_path / "slip.zip", {"good.dcm": b"good", name: b"bad"})
    assert listing(path) == {"good.dcm": "", name: "zip_path"}
    with open_zip(path) as archive:
        good, bad = archive
        assert b"".join(good.chunks()) == b"good"
        with pytest.raises(ZipRefused, match="zip_path"):
            bad.chunks()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_are_refused_and_never_read(tmp_path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("link.dcm")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert listing(tmp_path / "l.zip") == {"link.dcm": "zip_link"}


def test_an_archive_in_the_archive_is_named_and_never_opened(tmp_path: Path) -> None:
    inner = packed(tmp_path / "inner", {"in.dcm": b"x"}).read_bytes()
    path = packed(tmp_path / "n.zip", {"study.ZIP": inner, "hidden.dcm": inner, "top.dcm": b"x"})
    assert listing(path) == {"study.ZIP": "zip_nested", "hidden.dcm": "", "top.dcm": ""}
    with open_zip(path) as archive:
        hidden = next(entry for entry in archive if entry.name == "hidden.dcm")
        with pytest.raises(ZipRefused, match="zip_nested"):
            list(hidden.chunks())


def test_an_encrypted_entry_is_refused_and_its_neighbour_read(tmp_path: Path) -> None:
    content = bytearray(packed(tmp_path / "e.zip", {"a.dcm": b"secret", "b.dcm": b"open"}).read_bytes())
    content[6] |= 1                                       # local header, then central directory: bit 0 of the flags
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "e.zip").write_bytes(content)
    assert listing(tmp_path / "e.zip") == {"a.dcm": "zip_encrypted", "b.dcm": ""}


def test_clutter_is_no_file(tmp_path: Path) -> None:
    files = {"__MACOSX/._1.dcm": b"x", "d/.DS_Store": b"x", "d/Thumbs.db": b"x", "d/1.dcm": b"x"}
    assert listing(packed(tmp_path / "mac.zip", files)) == {"d/1.dcm": ""}


def test_chinese_names_without_a_flag_are_read_as_gb18030(tmp_path: Path) -> None:
    names = ["患者/张三.dcm", "李璡/1.dcm"]                # the second holds a backslash byte inside a character
    content = packed(tmp_path / "g.zip", {"Q" * len(n.encode("gbk")): b"x" for n in names}).read_bytes()
    for name in names:
        raw = name.encode("gbk")
        content = content.replace(b"Q" * len(raw), raw)
    (tmp_path / "g.zip").write_bytes(content)
    assert listing(tmp_path / "g.zip") == dict.fromkeys(names, "")
    assert listing(packed(tmp_path / "u.zip", {"图像😀.dcm": b"x"})) == {"图像😀.dcm": ""}


def bomb(path: Path, megabytes: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("ok.dcm", b"ok")
        with archive.open("bomb.dcm", "w", force_zip64=True) as file:
            for _ in range(megabytes):
                file.write(bytes(1 << 20))
    return path


def test_a_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    assert refused(bomb(tmp_path / "b.zip", 40)) == "zip_inflates_too_far"


def test_one_blank_slice_of_9_mb_is_no_bomb(tmp_path: Path) -> None:
    with open_zip(bomb(tmp_path / "s.zip", 9)) as archive:
        assert [sum(map(len, entry.chunks())) for entry in archive] == [2, 9 << 20]


def test_a_bomb_that_lies_about_its_size_ends_at_the_lie(tmp_path: Path) -> None:
    content = bytearray(bomb(tmp_path / "l.zip", 40).read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 1000)
    (tmp_path / "l.zip").write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refused(tmp_path / "l.zip") == "zip_broken"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def many(count: int) -> bytes:
    """An archive of `count` empty entries, written by hand because it has to be quick."""
    local, central = bytearray(), bytearray()
    for number in range(count):
        name = b"%05d" % number
        central += struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, len(local)) + name
        local += struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, 0, 0, 5, 0) + name
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(central), len(local), 0)
    return bytes(local + central + end)


def test_50_000_entries_pass_and_one_more_is_refused_before_the_directory_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    path.write_bytes(many(50_000))
    assert len(listing(path)) == 50_000
    path.write_bytes(many(50_001))
    start = time.perf_counter()
    assert refused(path) == "zip_too_many"
    assert time.perf_counter() - start < 0.1


def test_a_zip64_end_record_is_counted_too(tmp_path: Path) -> None:
    content = many(2)
    at = content.index(b"PK\x05\x06")
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**40, 2**40, 100, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    (tmp_path / "z64.zip").write_bytes(content[:at] + end64 + locator + content[at:])
    assert refused(tmp_path / "z64.zip") == "zip_too_many"


def test_what_is_no_archive_or_half_of_one_is_broken(tmp_path: Path) -> None:
    whole = packed(tmp_path / "w.zip", {"a.dcm": bytes(1000)}).read_bytes()
    for n, content in enumerate([b"", b"Rar!\x1a\x07\0", whole[:-30], whole[:20], b"PK\x05\x06" + b"\xff" * 18]):
        path = tmp_path / f"{n}.zip"
        path.write_bytes(content)
        assert refused(path) in ("zip_broken", "zip_too_many")


def test_a_damaged_entry_is_broken_alone(tmp_path: Path) -> None:
    files = {"a.dcm": bytes(range(256)), "b.dcm": b"fine"}
    content = bytearray(packed(tmp_path / "d.zip", files, zipfile.ZIP_STORED).read_bytes())
    content[60] ^= 0xFF
    (tmp_path / "d.zip").write_bytes(content)
    with open_zip(tmp_path / "d.zip") as archive:
        damaged, fine = archive
        with pytest.raises(ZipRefused) as caught:
            list(damaged.chunks())
        assert (caught.value.reason, caught.value.whole) == ("zip_broken", False)
        assert b"".join(fine.chunks()) == b"fine"


def test_every_flipped_byte_gives_content_or_a_reason(tmp_path: Path) -> None:
    whole = packed(tmp_path / "f.zip", {"a.dcm": b"abc" * 30, "b/c.dcm": b"x"}).read_bytes()
    path = tmp_path / "g.zip"
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            with open_zip(path) as archive:
                for entry in archive:
                    if not entry.refusal:
                        io.BytesIO().writelines(entry.chunks())
        except ZipRefused as caught:
            assert caught.reason
