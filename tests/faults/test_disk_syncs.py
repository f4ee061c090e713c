"""The real disk does what the losing disk stands for: the kernel is asked to sync bytes and names, in that order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.store.blobs import keep, sha256_of, storage_key
from core.store.disk import Disk

DATA = b"pixels" * 1000
KEY = storage_key("HTEST", sha256_of(DATA))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Syncs and renames in the order in which the kernel got them, by path."""
    seen: list[tuple[str, str]] = []
    fsync, rename = os.fsync, os.rename

    def watched_sync(descriptor: int) -> None:
        fsync(descriptor)
        seen.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))

    def watched_rename(old: Path, new: Path) -> None:
        rename(old, new)
        seen.append(("rename", str(new)))

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(os, "rename", watched_rename)
    return seen


@pytest.mark.parametrize("from_file", [False, True])
def test_bytes_then_name_then_folder_are_synced(
    tmp_path: Path, calls: list[tuple[str, str]], from_file: bool
) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    disk = Disk(tmp_path / "store")
    disk.make_folder("t")
    calls.clear()
    assert keep(disk, KEY, source if from_file else DATA) is True
    path = disk.path(KEY)
    *folders, (sync, part), renamed, last = calls
    assert (sync, part.startswith(f"{path}."), part.endswith(".part")) == ("sync", True, True)
    assert renamed == ("rename", str(path))
    assert last == ("sync", str(path.parent))
    below = [path.parents[n] for n in range(1, 5)]        # each new folder's name is synced in the folder above it
    assert folders == [("sync", str(folder)) for folder in reversed(below)]
    assert path.read_bytes() == DATA
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_folder_that_another_process_made_is_synced_in_its_parent_too(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    disk = Disk(tmp_path)
    path = disk.path(KEY)
    path.parent.mkdir(parents=True)
    keep(disk, KEY, DATA)
    above = [tmp_path.parent, tmp_path, *(path.parents[n] for n in (4, 3, 2, 1))]
    assert calls[: len(above)] == [("sync", str(folder)) for folder in above]
    keep(disk, f"{KEY}1", DATA)
    assert [call[0] for call in calls[len(above) + 3 :]] == ["sync", "rename", "sync"]


def test_a_key_that_is_there_is_not_written_again_but_its_name_is_synced(
    tmp_path: Path, calls: list[tuple[str, str]]
) -> None:
    disk = Disk(tmp_path)
    keep(disk, KEY, DATA)
    before = disk.path(KEY).stat()
    calls.clear()
    assert keep(disk, KEY, b"something else") is False
    assert calls == [("sync", str(disk.path(KEY).parent))]
    assert (disk.path(KEY).read_bytes(), disk.path(KEY).stat().st_mtime_ns) == (DATA, before.st_mtime_ns)
