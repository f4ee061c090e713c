"""Every operation on files that a promise rests on. Tests put a losing disk in its place.

Durable means: bytes synced, then the name, then the folder that holds the name (a rename alone may be undone by a
power loss).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

CHUNK = 1024 * 1024
_durable: set[Path] = set()
"""Folders whose names this process has synced in their parents."""


class Files(Protocol):
    """What a blob store does to files."""

    def make_folder(self, path: str) -> None: ...
    def copy_in(self, source: Path, path: str) -> None: ...
    def write(self, path: str, data: bytes) -> None: ...
    def sync(self, path: str) -> None: ...
    def rename(self, old: str, new: str) -> None: ...
    def sync_folder(self, path: str) -> None: ...
    def exists(self, path: str) -> bool: ...


class Disk:
    """Files below one root; paths are relative, with ``/``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        return self.root / key

    def make_folder(self, path: str) -> None:
        """Make a folder and its parents, down from the root; each name is synced in its parent.

        A folder that is there may be another process's, not durable yet: it is synced once per process all the same.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = self.root
        for name in ("", *filter(None, path.split("/"))):
            folder = folder / name
            if folder not in _durable or not folder.exists():
                folder.mkdir(exist_ok=True, mode=0o700)
                _sync_folder(folder.parent)
                _durable.add(folder)

    def copy_in(self, source: Path, path: str) -> None:
        shutil.copyfile(source, self.root / path)

    def write(self, path: str, data: bytes) -> None:
        (self.root / path).write_bytes(data)

    def sync(self, path: str) -> None:
        with open(self.root / path, "rb+") as file:
            os.fsync(file.fileno())

    def rename(self, old: str, new: str) -> None:
        (self.root / old).rename(self.root / new)

    def sync_folder(self, path: str) -> None:
        _sync_folder(self.root / path)

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def remove(self, path: str) -> None:
        """Take a file away durably; one that is gone is as good."""
        (self.root / path).unlink(missing_ok=True)
        if (self.root / path).parent.is_dir():
            _sync_folder((self.root / path).parent)

    def size(self, path: str) -> int:
        return (self.root / path).stat().st_size

    def open(self, path: str) -> BinaryIO:
        return open(self.root / path, "rb")

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        with self.open(path) as file:
            file.seek(offset)
            return file.read() if length is None else file.read(length)

    def chunks(self, path: str) -> Iterator[bytes]:
        with self.open(path) as file:
            while part := file.read(CHUNK):
                yield part

    def free(self) -> tuple[int, int]:
        """Bytes free and bytes in all on the file system."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        usage = shutil.disk_usage(self.root)
        return usage.free, usage.total


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
