"""Power loss at every step of ingest: what was acknowledged is there, and no row lacks its bytes.

The wrong orders below must be reported; a harness that finds nothing in them would prove nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from core.store.blobs import keep, storage_key
from core.store.disk import Files
from tests.faults.lossy_disk import LossyDisk, PowerCut

OBJECTS = [(f"uid{n % 3}", b"pixels%d" % (n % 3)) for n in range(4)]
Ingest = Callable[[LossyDisk, "Rows", "Acknowledged", str, bytes], None]


class Rows:
    """The database: a commit is one durable operation."""

    def __init__(self, disk: LossyDisk) -> None:
        self.disk = disk
        self.digests: dict[str, str] = {}

    def commit(self, uid: str, sha256: str) -> None:
        self.disk.operate()
        self.digests[uid] = sha256


class Acknowledged(dict[str, str]):
    """What the sender was told is stored: it may delete its own copy."""


def key_of(data: bytes) -> tuple[str, str]:
    sha256 = hashlib.sha256(data).hexdigest()
    return sha256, storage_key("HTEST", sha256)


class NoSync(LossyDisk):
    """A disk that forgets to sync bytes."""

    def sync(self, path: str) -> None:
        return


class NoFolderSync(LossyDisk):
    """A disk that forgets to sync names."""

    def sync_folder(self, path: str) -> None:
        return


def ours(disk: LossyDisk, rows: Rows, told: Acknowledged, uid: str, data: bytes) -> None:
    """The order of the product: bytes durable by `core.store.blobs.keep`, then the row, then the answer."""
    sha256, key = key_of(data)
    if uid not in rows.digests:
        keep(disk, key, data)
        rows.commit(uid, sha256)
    told[uid] = sha256


def acknowledge_first(disk: LossyDisk, rows: Rows, told: Acknowledged, uid: str, data: bytes) -> None:
    told[uid] = key_of(data)[0]
    ours(disk, rows, told, uid, data)


def row_first(disk: LossyDisk, rows: Rows, told: Acknowledged, uid: str, data: bytes) -> None:
    sha256, key = key_of(data)
    rows.commit(uid, sha256)
    keep(disk, key, data)
    told[uid] = sha256


def enumerate_cuts(ingest: Ingest, kind: type[LossyDisk] = LossyDisk) -> tuple[int, int]:
    """Cut before every operation, under both file systems. :return: how many runs, and how many broke a promise"""
    runs = bad = 0
    for names_early in (False, True):
        cut, done = 0, False
        while not done:
            disk, told = kind(cut), Acknowledged()
            rows = Rows(disk)
            try:
                for uid, data in OBJECTS:
                    ingest(disk, rows, told, uid, data)
                done = True
            except PowerCut:
                pass
            disk.lose_power(names_early=names_early)
            runs += 1
            bad += broken(disk, rows, told)
            cut += 1
    return runs, bad


def broken(disk: LossyDisk, rows: Rows, told: Acknowledged) -> bool:
    def there(sha256: str) -> bool:
        data = disk.content(storage_key("HTEST", sha256))
        return data is not None and hashlib.sha256(data).hexdigest() == sha256

    acknowledged = all(rows.digests.get(uid) == sha256 and there(sha256) for uid, sha256 in told.items())
    return not acknowledged or not all(there(sha256) for sha256 in rows.digests.values())


def test_no_crash_point_of_ingest_loses_what_was_acknowledged() -> None:
    runs, bad = enumerate_cuts(ours)
    assert runs >= 30
    assert bad == 0


@pytest.mark.parametrize("wrong", [acknowledge_first, row_first])
def test_the_harness_sees_a_wrong_order(wrong: Ingest) -> None:
    assert enumerate_cuts(wrong)[1] > 0


@pytest.mark.parametrize("kind", [NoSync, NoFolderSync])
def test_the_harness_sees_a_missing_sync(kind: type[LossyDisk]) -> None:
    assert enumerate_cuts(ours, kind)[1] > 0


def trusting(files: Files, key: str, source: bytes) -> None:
    """Wrong: takes a name that is seen for a name that is durable."""
    if not files.exists(key):
        keep(files, key, source)


def kill_then_power_loss(store: Callable[[LossyDisk, str, bytes], object]) -> tuple[int, int]:
    """A process dies before any operation, another does its work to the end, then the power goes before any operation.

    :return: how many runs, and how many broke a promise
    """
    runs = bad = 0
    data = b"pixels"
    sha256, key = key_of(data)
    for names_early in (False, True):
        for killed in range(8):
            for cut in range(1, 12):
                disk = LossyDisk(killed)
                rows, told = Rows(disk), Acknowledged()
                try:
                    store(disk, key, data)
                except PowerCut:
                    pass                                  # the process is gone, the machine runs on: all is still seen
                disk.cut = disk.operations + cut
                try:
                    store(disk, key, data)
                    rows.commit("uid", sha256)
                    told["uid"] = sha256
                except PowerCut:
                    pass
                disk.lose_power(names_early=names_early)
                runs += 1
                bad += broken(disk, rows, told)
    return runs, bad


def test_what_a_killed_process_left_is_made_durable_before_it_is_relied_on() -> None:
    runs, bad = kill_then_power_loss(keep)
    assert runs == 176
    assert bad == 0


def test_the_harness_sees_that_a_seen_name_is_no_durable_name() -> None:
    assert kill_then_power_loss(trusting)[1] > 0


def test_sending_again_after_any_crash_ends_with_everything_stored() -> None:
    for cut in range(40):
        disk, told = LossyDisk(cut), Acknowledged()
        rows = Rows(disk)
        try:
            for uid, data in OBJECTS:
                ours(disk, rows, told, uid, data)
        except PowerCut:
            disk.lose_power(names_early=False)
        for uid, data in OBJECTS:
            ours(disk, rows, told, uid, data)
        assert not broken(disk, rows, told)
        assert set(told) == {"uid0", "uid1", "uid2"}
