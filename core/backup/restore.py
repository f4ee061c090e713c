"""Put a backup into an empty place, and what must be said and undone once it is there."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core import clock
from core.access.models import StudyAccess
from core.accounts.models import LoginSession, Remember
from core.audit import chain
from core.backup import create, record, snapshot, verify
from core.backup.record import FILES, Record
from core.backup.vault import BackupRefused, Unsealable, Vault
from core.tenancy.sessions import all_tenants
from core.work import held
from plugin_sdk.db import db

if TYPE_CHECKING:
    from core.host.house import Application

MARKER = "restore.unfinished"


@dataclass(frozen=True)
class Restored:
    """:ivar ms: milliseconds that files and database took; :ivar faults: files that could not be put back"""

    record: Record
    files: int
    bytes: int
    ms: int
    faults: tuple[str, ...] = ()


def put_back(folder: Path, data: Path, database_url: str, vault: Vault, *, damaged: bool = False) -> Restored:
    """Write files and database of a backup into an empty data folder and an empty database.

    Every file is compared with its digest on the way. A restore that is broken off leaves a marker behind.

    :param damaged: leave out files that are missing or changed in the backup, instead of stopping there
    :raise BackupRefused: the place is not empty, the backup is not whole, or it belongs to the other kind of database
    """
    started = time.monotonic()
    made = record.read(folder, vault)
    dialect = sa.make_url(database_url).get_backend_name()
    if dialect != made.dialect:
        raise BackupRefused(f"a backup of {made.dialect} goes back into {made.dialect} only; the database here is {dialect}")
    if data.exists() and any(p.name != "secret.key" for p in data.iterdir()):
        raise BackupRefused(f"{data}: not empty; a backup is restored into an empty place only")
    if not snapshot.is_empty(database_url):
        raise BackupRefused("the database is not empty; a backup is restored into an empty place only")
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data / MARKER).write_text(made.id, encoding="ascii")
    files, size, faults = 0, 0, []
    try:
        for kept in record.listing(folder, vault):
            if (fault := _file(folder, data, vault, kept)) and not damaged:
                raise BackupRefused(f"{fault}; nothing of this place may be used")
            if fault:
                faults.append(fault)
                continue
            files, size = files + 1, size + kept.size
        with verify.database_of(folder, made, vault) as photograph:
            beside = data / "database.tmp"
            _move(photograph, beside)
            snapshot.put_back(beside, made.dialect, database_url, made.tools)
            beside.unlink(missing_ok=True)
    except Unsealable as error:
        raise BackupRefused(f"{error}: changed or cut short; nothing of this place may be used") from None
    os.sync()
    return Restored(made, files, size, int((time.monotonic() - started) * 1000), tuple(faults))


def settle(house: Application, restored: Restored) -> Iterator[str]:
    """Make a restored house safe to open: rows counted, sessions ended, what would go out held, the log told.

    :raise BackupRefused: the database has other rows than the record says
    """
    made = restored.record
    counted = snapshot.rows_of(db.engine)
    differ = [t for t in sorted(counted.keys() | made.rows.keys()) if counted.get(t) != made.rows.get(t)]
    if differ:
        raise BackupRefused(f"rows differ from the record in {', '.join(differ[:5])}")
    _upgrade(house)
    at = clock.now()
    with all_tenants(write=True) as session:
        ended = _count(session.execute(
            sa.update(LoginSession).where(LoginSession.ended_at.is_(None)).values(ended_at=at, expires_at=at)
            .execution_options(synchronize_session=False)
        ))
        ended += _count(session.execute(sa.delete(Remember).execution_options(synchronize_session=False)))
        closed = _count(session.execute(
            sa.update(StudyAccess).where(StudyAccess.expires_at > at).values(expires_at=at)
            .execution_options(synchronize_session=False)
        ))
        held.hold(session, made.id)
        for tenant_id in create.tenants(session):
            chain.append(
                session, tenant_id=tenant_id, account_id=0, kind="backup.restored", ref="", backup=made.id,
                made_at=made.made_at,
            )
    (house.config.data / MARKER).unlink()
    yield from restored.faults
    yield f"restored {made.id} of {made.made_at}: {restored.files} files, {restored.bytes} bytes, {restored.ms} ms"
    if not set(create.secret_fingerprints(house)) & set(made.secrets):
        yield "the secret key here is another one than the backup's house had"
    yield f"{ended} sessions and remembered logins and {closed} openings ended"
    yield "nothing goes out until: telerad restore release --confirm"


def _upgrade(house: Application) -> None:
    from core.run import migrate

    migrate.upgrade(house)


def _file(folder: Path, data: Path, vault: Vault, kept: record.Kept) -> str:
    """Put one file back. :return: what is wrong with it, '' if nothing is; then it is not there"""
    target = data / kept.name
    if not target.resolve().is_relative_to(data.resolve()):
        raise BackupRefused(f"{kept.name}: outside the data folder")
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    try:
        with target.open("wb") as file:
            for piece in vault.get(folder / FILES / kept.name, kept.name):
                digest.update(piece)
                file.write(piece)
    except FileNotFoundError:
        fault = f"{kept.name}: is not in the backup"
    except Unsealable:
        fault = f"{kept.name}: changed"
    else:
        fault = "" if digest.hexdigest() == kept.sha256 else f"{kept.name}: changed"
    if fault:
        target.unlink(missing_ok=True)
    return fault


def _move(source: Path, target: Path) -> None:
    """Bring a file to another file system and make it durable."""
    with source.open("rb") as old, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as new:
        while piece := old.read(1024 * 1024):
            new.write(piece)
        new.flush()
        os.fsync(new.fileno())


def _count(result: object) -> int:
    return int(result.rowcount)  # type: ignore[attr-defined]
