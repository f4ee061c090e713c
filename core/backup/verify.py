"""Look at a backup without restoring it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.backup import record, snapshot
from core.backup.record import DATABASE, FILES, LISTING, RECORD, Record
from core.backup.vault import BackupRefused, Unsealable, Vault
from core.store.blobs import storage_key

MOST = 20
"""How many problems are named; all are counted."""


@dataclass
class Findings:
    """What a verification saw. ``problems`` are sentences, at most ``MOST``; ``count`` counts all."""

    record: Record
    files: int = 0
    bytes: int = 0
    count: int = 0
    problems: list[str] | None = None

    def add(self, problem: str) -> None:
        self.problems = self.problems or []
        if len(self.problems) < MOST:
            self.problems.append(problem)
        self.count += 1

    @property
    def good(self) -> bool:
        return self.count == 0


def verify(folder: Path, vault: Vault, *, deep: bool, name: str = RECORD) -> Findings:
    """Compare a backup with its own record: every file is there and as long as listed, every row of the snapshot has its
    bytes, the snapshot is whole and has the rows that were counted.

    :param deep: read every file and compare its digest
    :raise BackupRefused: no backup, another key, or a record that was changed
    """
    found = Findings(record.read(folder, vault, name=name))
    for missing in found.record.missing:
        found.add(f"{missing}: was not in the store, or damaged there, when the backup was made")
    try:
        names = _files(folder, vault, found, deep=deep)
    except Unsealable:
        found.add(f"{LISTING}: changed")
        return found
    try:
        with database_of(folder, found.record, vault) as file:
            _database(file, found, names)
    except (Unsealable, BackupRefused, OSError) as error:
        found.add(str(error.sentence) if isinstance(error, BackupRefused) else "database: changed or cut short")
    return found


@contextmanager
def database_of(folder: Path, made: Record, vault: Vault) -> Iterator[Path]:
    """The snapshot in the clear, in a folder of its own for as long as it is looked at.

    :raise Unsealable: its bytes are not those that were recorded
    """
    with tempfile.TemporaryDirectory(prefix="telerad-") as place:
        path = Path(place) / DATABASE
        digest, size = hashlib.sha256(), 0
        with path.open("wb") as file:
            for piece in vault.get(folder / DATABASE, DATABASE):
                digest.update(piece)
                size += len(piece)
                file.write(piece)
        if (size, digest.hexdigest()) != (made.database_size, made.database_sha256):
            raise Unsealable(DATABASE)
        yield path


def _files(folder: Path, vault: Vault, found: Findings, *, deep: bool) -> set[bytes]:
    """:return: digests of the names that are listed and there"""
    whole, names = hashlib.sha256(), set()
    for kept in record.listing(folder, vault):
        whole.update(line(kept))
        found.files += 1
        found.bytes += kept.size
        path = folder / FILES / kept.name
        if not path.is_file():
            found.add(f"{kept.name}: is not there")
        elif path.stat().st_size != vault.stored_size(kept.size):
            found.add(f"{kept.name}: has another size")
        elif deep and not _same(vault, path, kept):
            found.add(f"{kept.name}: changed")
        else:
            names.add(_short(kept.name))
    if (whole.hexdigest(), found.files, found.bytes) != (
        found.record.listing_sha256, found.record.files, found.record.bytes
    ):
        raise Unsealable(LISTING)
    return names


def line(kept: record.Kept) -> bytes:
    """One line of the list of files."""
    return f"{kept.name}\t{kept.size}\t{kept.sha256}\n".encode()


def _same(vault: Vault, path: Path, kept: record.Kept) -> bool:
    digest = hashlib.sha256()
    try:
        for piece in vault.get(path, kept.name):
            digest.update(piece)
    except (Unsealable, OSError):
        return False
    return digest.hexdigest() == kept.sha256


def _database(file: Path, found: Findings, names: set[bytes]) -> None:
    made = found.record
    for fault in snapshot.faults(file, made.dialect, dict(made.rows)):
        found.add(fault)
    missing = set(made.missing)
    for blob in snapshot.blobs(file, made.dialect, made.tools):
        name = f"store/{storage_key(blob.tenant, blob.sha256, blob.gen)}"
        if _short(name) not in names and name not in missing:
            found.add(f"{name}: a row names it and it is not in the backup")


def _short(name: str) -> bytes:
    """16 bytes for a name, so that a million of them fit in memory."""
    return hashlib.blake2b(name.encode(), digest_size=16).digest()
