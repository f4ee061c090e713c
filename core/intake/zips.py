"""The door for zip archives: counted before they are opened, bounded while they are read, names never used as paths.

PKWARE APPNOTE sections: 4.3.12 central directory, 4.3.14 zip64, 4.3.16 end record, 4.4.4 flags.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from typing import IO

from core import limits
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l

MAX_RATIO, RATIO_FROM = 200, 10 * 1024**2
MAX_DIRECTORY = 64 * 1024**2
CHUNK = 256 * 1024
NAME_CHARS = 300

SENTENCES: Mapping[str, object] = {
    "zip_broken": _l("压缩包已损坏"),
    "zip_too_many": _l("压缩包内超过 50,000 个文件"),
    "zip_inflates_too_far": _l("压缩包解压后过大"),
    "zip_path": _l("路径不安全"),
    "zip_link": _l("是链接"),
    "zip_encrypted": _l("已加密"),
    "zip_nested": _l("是压缩包中的压缩包"),
}
_UTF8, _ENCRYPTED = 0x800, 0x1 | 0x40
_CLUTTER = frozenset({".ds_store", "thumbs.db"})
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


class ZipRefused(DomainError):
    """``reason`` is a key of SENTENCES. ``whole`` says that the archive is refused, not one entry of it."""

    code = "refused"

    def __init__(self, reason: str, *, whole: bool = False) -> None:
        super().__init__(SENTENCES[reason], reason=reason)
        self.reason = reason
        self.whole = whole

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive. ``name`` is a label for people, never a path; ``size`` the declared bytes.

    ``refusal`` is a reason of this entry alone, '' when it may be read.
    """

    name: str
    size: int
    refusal: str
    _info: zipfile.ZipInfo = field(repr=False)
    _archive: OpenZip = field(repr=False)

    def chunks(self) -> Iterator[bytes]:
        """Give the content in pieces of most 256 KiB.

        :raise ZipRefused: with `whole` set `zip_inflates_too_far`, which ends the archive; else `zip_broken` while
            it is read, `zip_nested` when the content is an archive, or the entry's own refusal
        """
        if self.refusal:
            raise ZipRefused(self.refusal)
        return self._archive._read(self._info)


class OpenZip:
    """An archive that passed the door. Iterating gives its entries in order, folders and clutter left out."""

    def __init__(self, archive: zipfile.ZipFile, packed: int) -> None:
        self._zip = archive
        self._packed = max(1, packed)
        self._inflated = 0

    def __iter__(self) -> Iterator[Entry]:
        for info in self._zip.infolist():
            name = entry_name(info)
            if not info.is_dir() and not _is_clutter(name):
                label = "".join(c for c in name if c.isprintable())[:NAME_CHARS]
                yield Entry(label, info.file_size, _refusal(info, name), info, self)

    def _read(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        if not 0 <= info.header_offset < self._packed:
            raise ZipRefused("zip_broken")
        try:
            with self._zip.open(info) as file:
                head = True
                while chunk := file.read(CHUNK):
                    if head and chunk.startswith(_ARCHIVES):
                        raise ZipRefused("zip_nested")
                    head = False
                    self._inflated += len(chunk)
                    if _too_far(self._inflated, self._packed):
                        raise ZipRefused("zip_inflates_too_far", whole=True)
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError):
            raise ZipRefused("zip_broken") from None


@contextmanager
def open_zip(path: str | PathLike[str]) -> Iterator[OpenZip]:
    """Open an archive after its end record and its declared sizes were looked at.

    :raise ZipRefused: `zip_broken`, `zip_too_many` (more entries than the limit), or `zip_inflates_too_far` (declared sizes
        over 20 GB, or over 200 times the archive's size once past 10 MB)
    """
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        entries, directory = _end_record(file, size)
        if entries > limits.current().zip_entries:
            raise ZipRefused("zip_too_many", whole=True)
        if directory > min(size, MAX_DIRECTORY):
            raise ZipRefused("zip_broken", whole=True)
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, OSError, OverflowError):
            raise ZipRefused("zip_broken", whole=True) from None
        with archive:
            if len(archive.infolist()) > limits.current().zip_entries:
                raise ZipRefused("zip_too_many", whole=True)
            if _too_far(sum(info.file_size for info in archive.infolist()), size):
                raise ZipRefused("zip_inflates_too_far", whole=True)
            yield OpenZip(archive, size)


def _too_far(inflated: int, packed: int) -> bool:
    return inflated > limits.current().zip_inflated or (inflated > RATIO_FROM and inflated > MAX_RATIO * packed)


def _end_record(file: IO[bytes], size: int) -> tuple[int, int]:
    """Read (entries, bytes of the central directory) without opening the directory, which alone may cost seconds."""
    tail_size = min(size, 65_535 + _END.size)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise ZipRefused("zip_broken", whole=True)
    _, _, _, _, entries, directory, _, _ = _END.unpack_from(tail, at)
    position = size - tail_size + at - _LOCATOR.size
    if position >= 0:
        file.seek(position)
        signature, _, offset, _ = _LOCATOR.unpack(file.read(_LOCATOR.size))
        if signature == b"PK\x06\x07":
            file.seek(min(offset, size))
            raw = file.read(_END64.size)
            if len(raw) < _END64.size or raw[:4] != b"PK\x06\x06":
                raise ZipRefused("zip_broken", whole=True)
            found = _END64.unpack(raw)
            entries, directory = found[7], found[8]
    return max(entries, directory // 46 if directory > limits.current().zip_entries * 1024 else entries), directory


def entry_name(info: zipfile.ZipInfo) -> str:
    """The name as its writer meant it: UTF-8 if flagged, else UTF-8 or GB18030 if valid, else code page 437."""
    if info.flag_bits & _UTF8:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437")
    for codec in ("ascii", "utf-8", "gb18030"):
        try:
            return raw.decode(codec)
        except UnicodeDecodeError:
            continue
    return info.orig_filename


def _is_clutter(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return "__MACOSX" in parts or parts[-1].casefold() in _CLUTTER


def _refusal(info: zipfile.ZipInfo, name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or name[:1] in ("/", "\\") or name[1:2] == ":" or "\0" in name:
        return "zip_path"
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
    if kind not in (0, stat.S_IFREG):
        return "zip_link"
    if info.flag_bits & _ENCRYPTED:
        return "zip_encrypted"
    return "zip_nested" if name.casefold().endswith(".zip") else ""
