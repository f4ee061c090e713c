"""A disk whose power can be cut before any operation. What was not synced is gone, and a file system may keep names early.

Implements `core.store.disk.Files`: what processes see and what the platter holds are kept apart.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path


class PowerCut(BaseException):
    """The machine is off. No handler may catch it."""


class LossyDisk:
    """:param cut: how many operations succeed before the power goes; ``None`` for never."""

    def __init__(self, cut: int | None = None) -> None:
        self.cut, self.operations = cut, 0
        self.seen: dict[str, int] = {}
        self.platter: dict[str, int] = {}
        self.bytes: dict[int, bytes] = {}
        self.safe: dict[int, bytes] = {}
        self.numbers = count()

    def operate(self) -> None:
        self.operations += 1
        if self.cut is not None and self.operations > self.cut:
            raise PowerCut

    def make_folder(self, path: str) -> None:
        self.operate()

    def copy_in(self, source: Path, path: str) -> None:
        self.write(path, source.read_bytes())

    def write(self, path: str, data: bytes) -> None:
        self.operate()
        number = next(self.numbers)
        self.seen[path], self.bytes[number] = number, data

    def sync(self, path: str) -> None:
        self.operate()
        number = self.seen[path]
        self.safe[number] = self.bytes[number]

    def rename(self, old: str, new: str) -> None:
        self.operate()
        self.seen[new] = self.seen.pop(old)

    def sync_folder(self, path: str) -> None:
        """Names below the folder become durable."""
        self.operate()
        for name in {*self.seen, *self.platter}:
            if name.rpartition("/")[0] == path:
                if name in self.seen:
                    self.platter[name] = self.seen[name]
                else:
                    self.platter.pop(name, None)

    def exists(self, path: str) -> bool:
        return path in self.seen

    def lose_power(self, *, names_early: bool) -> None:
        """Restart: unsynced bytes are empty files, unsynced names are there or not, as the file system pleases."""
        self.cut = None
        names = dict(self.seen if names_early else self.platter)
        self.seen, self.platter = dict(names), dict(names)
        self.bytes = {number: self.safe.get(number, b"") for number in names.values()}

    def content(self, path: str) -> bytes | None:
        return self.bytes.get(self.seen[path]) if path in self.seen else None
