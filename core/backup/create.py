"""Make a backup of a house at work: the database first, then files by digest, then the record.

In this order no row of the snapshot is without its file: files are never taken away while a backup runs (the sweeper
asks for the lease), and what comes later is only more. A file without a row is harmless and is adopted.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from itertools import chain as chained
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.audit import chain
from core.backup import overdue, record, snapshot, verify
from core.backup.record import DATABASE, FILES, LISTING, RECORD, Kept, Record
from core.backup.vault import BackupRefused, Vault
from core.store.blobs import storage_key
from core.store.disk import CHUNK
from core.store.sweep import BACKUP as RUNNING
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work.clockwork import hold
from core.work.models import Lease
from plugin_sdk.db import db
from plugin_sdk.ids import row_id

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
LIFE = timedelta(minutes=10)
UNFINISHED = "unfinished.json"
ROOM = 256 * 1024**2
"""Bytes left free beside copies."""


@dataclass
class Writing:
    """A backup on its way. ``missing``: rows named it, and the store does not have it or has other bytes."""

    house: Application
    folder: Path
    vault: Vault
    base: Path | None
    id: str = field(default_factory=row_id)
    renewed: float = field(default_factory=time.monotonic)
    count: int = 0
    bytes: int = 0
    copied: int = 0
    linked: int = 0
    missing: list[str] = field(default_factory=list)

    def pulse(self) -> None:
        """Keep the sweeper away a while longer."""
        if time.monotonic() - self.renewed > 60:
            hold(RUNNING, self.id, LIFE)
            self.renewed = time.monotonic()


def create(house: Application, folder: Path, vault: Vault, *, base: Path | None = None) -> verify.Findings:
    """Make a backup in an empty folder and verify it.

    :param base: an earlier backup with the same key: files that it has are linked, or copied from the store when the
        folders are on different file systems
    :raise BackupRefused: the folder is in use, another backup runs, or the base is none
    """
    started = time.monotonic()
    if base is not None:
        record.read(base, vault)
    writing = Writing(house, _empty(folder, house), vault, base)
    if not hold(RUNNING, writing.id, LIFE):
        raise BackupRefused("another backup is running")
    photograph = house.config.data / f"backup-{writing.id}.tmp"
    try:
        at = clock.now()
        taken = snapshot.take(db.engine, photograph, writing.pulse)
        size, sha256 = _put(writing, photograph, folder / DATABASE, DATABASE)
        listing = _files(writing, photograph, taken)
        made = Record(
            id=writing.id, made_at=record.made(at), release=_release(), dialect=taken.dialect, tools=taken.tools,
            schema=taken.schema, rows=taken.rows, database_size=size, database_sha256=sha256, files=writing.count,
            bytes=writing.bytes, listing_sha256=listing, copied=writing.copied, linked=writing.linked,
            missing=tuple(writing.missing), secrets=tuple(secret_fingerprints(house)), key=vault.fingerprint,
            base=base.name if base else "",
        )
        record.write(folder, made, vault, name=UNFINISHED)
        findings = verify.verify(folder, vault, deep=False, name=UNFINISHED)
        os.sync()
        (folder / UNFINISHED).replace(folder / RECORD)
        os.sync()
    finally:
        photograph.unlink(missing_ok=True)
        _let_go(writing)
    _note(writing, findings)
    log.info("backup made", extra={"files": writing.count, "bytes": writing.bytes,
                                   "ms": int((time.monotonic() - started) * 1000)})
    return findings


def secret_fingerprints(house: Application) -> Iterator[str]:
    """What tells whether a restored house has the keys it had."""
    for key in house.config.secret_keys:
        yield hashlib.sha256(b"telerad secret " + key.encode()).hexdigest()[:16]


def _empty(folder: Path, house: Application) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / RECORD).exists():
        raise BackupRefused(f"{folder}: holds a finished backup; each backup has a folder of its own")
    if any(folder.iterdir()):
        raise BackupRefused(f"{folder}: not empty; a backup that was broken off is deleted by hand")
    if folder.resolve().is_relative_to(house.config.blobs.resolve()):
        raise BackupRefused(f"{folder}: lies in the store itself")
    return folder


def _files(writing: Writing, photograph: Path, taken: snapshot.Snapshot) -> str:
    """Bring in every file and write the list. :return: digest of the list"""
    whole = hashlib.sha256()
    temporary = writing.folder / f"{LISTING}.tmp"
    with temporary.open("wb") as file:
        for kept in chained(
            _uploads(writing, photograph, taken), _store(writing, photograph, taken), _audit(writing)
        ):
            line = verify.line(kept)
            file.write(line)
            whole.update(line)
            writing.count += 1
            writing.bytes += kept.size
            writing.pulse()
    _put(writing, temporary, writing.folder / LISTING, LISTING)
    temporary.unlink()
    return whole.hexdigest()


def _uploads(writing: Writing, photograph: Path, taken: snapshot.Snapshot) -> Iterator[Kept]:
    """Parts first: a job may finish with them meanwhile, and then their objects are in the store."""
    for part in snapshot.parts(photograph, taken.dialect, taken.tools):
        source = writing.house.config.uploads / part
        try:
            yield _copy(writing, source, f"uploads/{part}")
        except FileNotFoundError:
            continue


def _store(writing: Writing, photograph: Path, taken: snapshot.Snapshot) -> Iterator[Kept]:
    """What rows name, then what else lies in the store (manifests, objects whose rows are still to come)."""
    root = writing.house.config.blobs
    for blob in snapshot.blobs(photograph, taken.dialect, taken.tools):
        key = storage_key(blob.tenant, blob.sha256, blob.gen)
        if (kept := _object(writing, root / key, f"store/{key}", blob.sha256)) is not None:
            yield kept
    for path in _walk(root):
        name = f"store/{path.relative_to(root)}"
        if not (writing.folder / FILES / name).exists() and name not in writing.missing:
            digest = path.name.partition(".")[0] if "/o/" in name else ""
            if path.is_file() and (kept := _object(writing, path, name, digest)) is not None:
                yield kept


def _audit(writing: Writing) -> Iterator[Kept]:
    """Archived entries of the log, which are in no database any more, and the anchors that vouch for it."""
    config = writing.house.config
    anchors = [config.audit_anchors] if config.audit_anchors.is_file() else []
    for path in [*_walk(config.audit_archive), *anchors]:
        if path.is_relative_to(config.data):  # an operator who keeps them elsewhere keeps them
            yield _copy(writing, path, str(path.relative_to(config.data)))


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            if not name.endswith((".part", ".damaged")):
                yield Path(folder) / name


def _object(writing: Writing, source: Path, name: str, sha256: str) -> Kept | None:
    """Link an object from the base, or copy it. :param sha256: what its bytes must be, '' when its name does not say"""
    if not source.is_file():
        writing.missing.append(name)
        return None
    size = source.stat().st_size
    if sha256 and writing.base is not None and _link(writing, writing.base / FILES / name, name, size):
        return Kept(name, size, sha256)
    kept = _copy(writing, source, name)
    if sha256 and kept.sha256 != sha256:
        writing.missing.append(name)
        (writing.folder / FILES / name).unlink()
        return None
    return kept


def _link(writing: Writing, source: Path, name: str, size: int) -> bool:
    if not source.is_file() or source.stat().st_size != writing.vault.stored_size(size):
        return False
    target = _place(writing, name)
    try:
        os.link(source, target)
    except OSError:
        return False                                      # another file system, or one without links: copied instead
    writing.linked += 1
    return True


def _copy(writing: Writing, source: Path, name: str) -> Kept:
    size, sha256 = _put(writing, source, _place(writing, name), name)
    writing.copied += 1
    return Kept(name, size, sha256)


def _place(writing: Writing, name: str) -> Path:
    target = writing.folder / FILES / name
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return target


def _put(writing: Writing, source: Path, target: Path, name: str) -> tuple[int, str]:
    """Write one file into the backup. :return: size and digest of its bytes"""
    digest, size = hashlib.sha256(), 0

    def pieces() -> Iterator[bytes]:
        nonlocal size
        with source.open("rb") as file:
            while piece := file.read(CHUNK):
                digest.update(piece)
                size += len(piece)
                yield piece

    writing.vault.put(pieces(), target, name)
    return size, digest.hexdigest()


def _let_go(writing: Writing) -> None:
    with all_tenants(write=True) as session:
        row = session.get(Lease, RUNNING)
        if row is not None and row.holder == writing.id:
            row.until = clock.now()


def _note(writing: Writing, findings: verify.Findings) -> None:
    """Say in every tenant's log that a copy was made; remember when the last good one was."""
    with all_tenants(write=True) as session:
        if findings.good:
            session.merge(Lease(name=overdue.VERIFIED, holder=writing.id, until=clock.now(), fence=0, ran_at=findings.record.at))
        for tenant_id in tenants(session):
            chain.append(session, tenant_id=tenant_id, account_id=0, kind="backup.made", ref="", backup=writing.id)


def tenants(session: Session) -> list[int]:
    return list(session.scalars(sa.select(Tenant.id).order_by(Tenant.id)))


def _release() -> str:
    try:
        return version("telerad")
    except PackageNotFoundError:
        return "unknown"
