"""The record of a backup: what it holds, by digest. It is written last; a folder without one is no backup.

    backup.json   the record, authenticated        database      the snapshot
    files.tsv     key, size and digest of each file    files/        store/<storage key>, uploads/<part>, audit/<archives, anchors>
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from core.backup.vault import BackupRefused, Unsealable, Vault
from plugin_sdk.words import stamp

FORMAT = 1
RECORD, DATABASE, LISTING, FILES = "backup.json", "database", "files.tsv", "files"


class Kept(NamedTuple):
    """One file of a backup. ``name`` begins with ``store/``, ``uploads/`` or ``audit/``."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """:ivar id: of the backup; :ivar made_at: when the database was photographed; :ivar schema: revision per owner

    :ivar rows: rows per table; :ivar missing: what rows named and the store did not have, or had damaged
    :ivar secrets: fingerprints of the secret keys, never the keys
    """

    id: str
    made_at: str
    release: str
    dialect: str
    tools: int
    schema: Mapping[str, str]
    rows: Mapping[str, int]
    database_size: int
    database_sha256: str
    files: int
    bytes: int
    listing_sha256: str
    copied: int
    linked: int
    missing: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    key: str = ""
    base: str = ""
    format: int = field(default=FORMAT)

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.made_at)


def write(folder: Path, record: Record, vault: Vault, *, name: str) -> None:
    """Write the record durably under ``name``."""
    body = asdict(record)
    text = json.dumps({**body, "mac": vault.mac(_canonical(body))}, indent=1, ensure_ascii=False)
    with (folder / name).open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path, vault: Vault, *, name: str = RECORD) -> Record:
    """:raise BackupRefused: no backup, an unfinished one, another key, or a changed record"""
    if not folder.is_dir():
        raise BackupRefused(f"{folder}: no backup there")
    try:
        body = json.loads((folder / name).read_text(encoding="utf-8"))
        mac = body.pop("mac")
    except FileNotFoundError:
        raise BackupRefused(f"{folder}: unfinished, or no backup: {RECORD} is not there") from None
    except (ValueError, KeyError, AttributeError):
        raise BackupRefused(f"{folder}: {RECORD} cannot be read") from None
    if body.get("format") != FORMAT:
        raise BackupRefused(f"{folder}: format {body.get('format')}, this release reads {FORMAT}")
    if body.get("key", "") != vault.fingerprint:
        asked = f"encrypted with key {body['key']}" if body.get("key") else "not encrypted"
        given = f"key {vault.fingerprint}" if vault.fingerprint else "no key"
        raise BackupRefused(f"{folder}: {asked}; TELERAD_BACKUP_KEY gives {given}")
    if mac != vault.mac(_canonical(body)):
        raise BackupRefused(f"{folder}: {RECORD} was changed")
    known = {f.name for f in fields(Record)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in body.items() if k in known}
    try:
        return Record(**values)
    except TypeError:
        raise BackupRefused(f"{folder}: {RECORD} is not whole") from None


def newest(series: Path, vault: Vault, *, until: datetime) -> tuple[Path | None, list[str]]:
    """The newest backup in a folder of backups whose database was photographed no later than ``until``.

    :return: its folder, None when there is none so old; why folders that hold no backup with this key were passed over
    """
    found: list[tuple[datetime, Path]] = []
    over = []
    for folder in sorted(p for p in series.iterdir() if p.is_dir()) if series.is_dir() else ():
        try:
            found.append((read(folder, vault).at, folder))
        except BackupRefused as refused:
            over.append(str(refused.sentence))
    old = [each for each in found if each[0] <= until]
    return (max(old)[1] if old else None), over


def listing(folder: Path, vault: Vault) -> Iterator[Kept]:
    """Every file of a backup. :raise Unsealable: the list was changed"""
    held = b""
    for piece in vault.get(folder / LISTING, LISTING):
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            name, size, sha256 = line.decode("utf-8").split("\t")
            yield Kept(name, int(size), sha256)
    if held:
        raise Unsealable(LISTING)


def made(at: datetime) -> str:
    return stamp(at)


def _canonical(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
