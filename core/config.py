"""Configuration comes from the environment, read once into one frozen dataclass."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from core import faults
from plugin_sdk.errors import DomainError

PUBLISHED_KEYS = frozenset({"changeme", "change-me", "secret", "dev", "password", "telerad", "your-secret-key"})
LEAST_KEY, LEAST_SIGNS = 32, 10
LONGEST_SOCKET = 103
"""Bytes of a unix socket's path that every system takes."""
SECRET_NAMES = frozenset({"secret_key", "database_url", "redis_url", "metrics"})


class BadConfig(DomainError):
    """The environment says something that the product cannot start with."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """:ivar data: data folder; :ivar secret_keys: the first signs, all verify; :ivar backup_key: file with the key of backups.

    ``origin`` tells for each field where its value came from, for ``telerad doctor``.
    """

    data: Path
    database_url: str
    redis_url: str
    audit_anchors: Path
    storage_url: str = ""
    secret_keys: tuple[str, ...] = ()
    url: str = ""
    plugins: frozenset[str] | None = None
    strict_plugins: bool = False
    brand: str = "影像云"
    log: str = "info"
    metrics: str = ""
    workers: int = 2
    threads: int = 8
    proxies: int = 0
    backup_key: Path | None = None
    fetch_allow: frozenset[str] = frozenset()
    testing: bool = False
    fault: str = ""
    origin: Mapping[str, str] = field(default_factory=dict)

    @property
    def blobs(self) -> Path:
        return self.data / "store"

    @property
    def uploads(self) -> Path:
        return self.data / "uploads"

    @property
    def audit_archive(self) -> Path:
        return self.data / "audit" / "archive"

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    def shown(self) -> list[tuple[str, str, str]]:
        """Name, value (secrets masked) and origin of each field."""
        rows = []
        for f in fields(self):
            if f.name == "origin":
                continue
            value = str(getattr(self, f.name))
            rows.append((f.name, "****" if f.name.startswith("secret") or f.name in SECRET_NAMES else value,
                         self.origin.get(f.name, "default")))
        return rows


def load(env: Mapping[str, str] | None = None, **given: object) -> Config:
    """Read the environment; ``given`` (command line, tests) wins.

    :raise BadConfig: a value that cannot be read, or a secret key that was published
    """
    env = os.environ if env is None else env
    origin: dict[str, str] = {}
    values: dict[str, object] = {}

    def take(name: str, variable: str) -> str | None:
        if given.get(name) is not None:
            origin[name] = "command line"
            return str(given[name])
        if env.get(variable):
            origin[name] = variable
            return env[variable]
        return None

    data = Path(take("data", "TELERAD_DATA") or Path.home() / ".telerad").expanduser().resolve()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    values["data"] = data
    values["database_url"] = take("database_url", "TELERAD_DATABASE_URL") or f"sqlite:///{data}/telerad.db"
    values["redis_url"] = take("redis_url", "TELERAD_REDIS_URL") or f"unix://{socket_of(data)}"
    anchors = take("audit_anchors", "TELERAD_AUDIT_ANCHORS")
    values["audit_anchors"] = Path(anchors).expanduser() if anchors else data / "audit" / "anchors.jsonl"
    for name in ("storage_url", "url", "brand", "log", "metrics"):
        if (text := take(name, f"TELERAD_{name.upper()}")) is not None:
            values[name] = text
    for name in ("workers", "threads", "proxies"):
        if (text := take(name, f"TELERAD_{name.upper()}")) is not None:
            if not text.isdigit():
                raise BadConfig(f"TELERAD_{name.upper()} must be a whole number")
            values[name] = int(text)
    if (text := take("plugins", "TELERAD_PLUGINS")) is not None:
        values["plugins"] = frozenset(p.strip() for p in text.split(",") if p.strip())
    if (text := take("backup_key", "TELERAD_BACKUP_KEY")) is not None:
        values["backup_key"] = Path(text).expanduser().resolve()
    if (text := take("fetch_allow", "TELERAD_FETCH_ALLOW")) is not None:
        values["fetch_allow"] = frozenset(h.strip() for h in text.split(",") if h.strip())
    values["strict_plugins"] = take("strict_plugins", "TELERAD_STRICT_PLUGINS") in ("1", "True")
    key = take("secret_key", "TELERAD_SECRET_KEY")
    origin["secret_keys"] = origin.pop("secret_key", "data folder")
    keys = tuple(k.strip() for k in key.split(",") if k.strip()) if key else (_own_key(data),)
    if any(k.lower() in PUBLISHED_KEYS for k in keys):
        raise BadConfig("TELERAD_SECRET_KEY is a published value; remove it and one is made in the data folder")
    if any(len(k) < LEAST_KEY or len(set(k)) < LEAST_SIGNS for k in keys):
        raise BadConfig(f"TELERAD_SECRET_KEY is weak: at least {LEAST_KEY} characters, {LEAST_SIGNS} of them different")
    values["secret_keys"] = keys
    if fault := take("fault", "TELERAD_FAULT"):
        values["fault"] = _only_in_tests(fault, values)
    values["testing"] = bool(given.get("testing", False))
    return Config(origin=origin, **values)  # type: ignore[arg-type]


def socket_of(data: Path) -> Path:
    """Where the embedded queue listens: in the data folder, or in a folder of ours where that path is too long for a socket.

    :raise BadConfig: somebody else has that folder
    """
    path = data / "valkey.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path
    folder = Path(tempfile.gettempdir()) / f"telerad-{os.getuid()}-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise BadConfig(f"{folder} is not ours alone; take a shorter data folder, or set TELERAD_REDIS_URL")
    return folder / "valkey.sock"


def _only_in_tests(fault: str, values: Mapping[str, object]) -> str:
    """:raise BadConfig: faults were asked for where people work, or nobody knows such a fault"""
    if str(values.get("url", "")).startswith("https:") or values.get("proxies"):
        raise BadConfig("TELERAD_FAULT is for tests; it is refused with an https address or proxies")
    try:
        faults.read(fault)
    except ValueError as error:
        raise BadConfig(f"TELERAD_FAULT: {error}") from error
    return fault


def _own_key(data: Path) -> str:
    """Read the key in the data folder, made at the first start, mode 0600."""
    path = data / "secret.key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key := secrets.token_urlsafe(48))
    return key
