"""What is wrong with an installation, if anything."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from core import clock, invariants, limits
from core.backup import overdue
from core.host import overview
from core.host.house import Application
from core.host.loader import GROUP
from core.run import migrate, packages
from core.tenancy.sessions import all_tenants, nobody
from core.work import actions, deliver, jobs

LATE = 15 * 60
"""Seconds after which an event that still waits is worth a look."""
MOST = 50
Level = Literal["ok", "warn", "bad"]
PARTS = ("flask", "sqlalchemy", "pydicom", "pydantic", "redis", "gunicorn")
FAR = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs", "afs", "lustre"})
"""File systems whose locks or syncs go over a network."""
SQLITE = {"synchronous": 2, "foreign_keys": 1, "journal_mode": "wal"}
POSTGRES = {"synchronous_commit": "on", "fsync": "on", "full_page_writes": "on", "server_encoding": "UTF8"}


@dataclass(frozen=True)
class Finding:
    """``warn`` is worth a look; ``bad`` makes the command end with 1."""

    name: str
    level: Level
    said: str

    @property
    def ok(self) -> bool:
        return self.level != "bad"


def examine(house: Application, *, deep: bool = False) -> Iterator[Finding]:
    """Everything that is looked at, in the order of reading.

    :param deep: also check every invariant, which reads every byte of the store
    """
    for name, value, origin in house.config.shown():
        yield Finding(f"config {name}", "ok", f"{value} ({origin})")
    for name, number, origin in limits.shown(os.environ):
        yield Finding(f"limit {name}", "ok", f"{number} ({origin})")
    yield Finding("versions", "ok", f"telerad {version('telerad')}, Python {platform.python_version()}, "
                  + ", ".join(f"{p} {version(p)}" for p in PARTS))
    yield from _plugins(house)
    yield from _packages()
    yield from _folder(house)
    yield from _storage(house)
    yield _queue(house)
    yield from _database(house, deep=deep)


def _said(name: str, ok: bool, said: str, *, otherwise: Level = "bad") -> Finding:
    return Finding(name, "ok" if ok else otherwise, said)


def _plugins(house: Application) -> Iterator[Finding]:
    plugins = house.plugins
    for name in sorted({*plugins.found, *plugins.broken, *plugins.not_allowed}):
        whence = plugins.distributions.get(name, "")
        state = "left out by TELERAD_PLUGINS" if name in plugins.not_allowed else plugins.state(name)
        yield _said(f"plugin {name}", name not in plugins.broken,
                    f"did not start: {plugins.broken[name]}" if name in plugins.broken else ", ".join(filter(None, (state, whence))))
    yield from _entry_points()


def _entry_points() -> Iterator[Finding]:
    """Beside the sources: what is installed must be what ``setup.cfg`` declares, or a new plugin silently stays away."""
    if not (packages.SOURCE / "setup.cfg").is_file():
        return
    parser = ConfigParser()
    parser.read(packages.SOURCE / "setup.cfg", encoding="utf-8")
    declared = {n.strip() for line in parser.get("options.entry_points", GROUP, fallback="").splitlines() if (n := line.partition("=")[0]).strip()}
    installed = {p.name for p in entry_points(group=GROUP) if p.dist is not None and p.dist.name == "telerad"}
    differ = sorted(declared ^ installed)
    yield _said("entry points", not differ, f"install again: {', '.join(differ)}" if differ else f"{len(declared)} as declared")


def _packages() -> Iterator[Finding]:
    for package, said in packages.examine().items():
        yield _said(f"package {package}", said == "ours", said)


def _folder(house: Application) -> Iterator[Finding]:
    data = house.config.data
    mode = data.stat().st_mode & 0o777
    yield _said("data folder", not mode & 0o007, f"{data} {mode:o}", otherwise="warn")
    key = data / "secret.key"
    if key.exists():
        yield _said("secret key", not (mode := key.stat().st_mode & 0o777) & 0o077, f"mode {mode:o}")
    kind = file_system(data)
    yield _said("data disk", kind not in FAR, f"{kind}: a network disk, syncs and locks may not hold" if kind in FAR else kind, otherwise="warn")
    url = house.config.url
    near = url.startswith(("https://", "http://127.", "http://localhost", "http://[::1]")) or not url
    yield _said("address", near, url or "from host and port", otherwise="warn")


def file_system(path: Path, mounts: str | None = None) -> str:
    """The kind of file system that a path is on, '' when the system does not say (no ``/proc``)."""
    if mounts is None:
        table = Path("/proc/mounts")
        mounts = table.read_text(encoding="utf-8", errors="replace") if table.is_file() else ""
    best = ("", "")
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        place = place.replace("\\040", " ")
        if (path == Path(place) or Path(place) in path.parents) and len(place) >= len(best[0]):
            best = (place, kind)
    return best[1]


def _storage(house: Application) -> Iterator[Finding]:
    name = "telerad-doctor.probe"
    try:
        house.disk.make_folder("")
        house.disk.write(name, b"probe")
        house.disk.sync(name)
        house.disk.path(name).unlink()
    except OSError as error:
        yield Finding("storage", "bad", f"cannot be written: {type(error).__name__}")
        return
    free, total = house.disk.free()
    said = f"{free // 1024**2} MB free of {total // 1024**2} MB"
    if not house.blobs.has_room():
        yield Finding("storage", "bad", f"{said}: less than the reserve, nothing is received")
        return
    yield _said("storage", free > total // 10, said, otherwise="warn")


def _queue(house: Application) -> Finding:
    try:
        connection = jobs.connect(house.config.redis_url)
        found = connection.info("server")
        waiting = jobs.queue(connection).count
    except (RedisError, OSError) as error:
        return Finding("queue", "bad", type(error).__name__)
    return Finding("queue", "ok", f"{found.get('server_name', 'redis')} {found.get('valkey_version', found.get('redis_version'))}, {waiting} waiting")


def _database(house: Application, *, deep: bool) -> Iterator[Finding]:
    """A success answer promises survival of a power loss: the database must sync its commits and know the schema."""
    try:
        with nobody() as db:
            kind = db.get_bind().dialect.name
            wanted: dict[str, object] = dict(SQLITE if kind == "sqlite" else POSTGRES)
            ask = "PRAGMA" if kind == "sqlite" else "SHOW"
            for name, value in wanted.items():
                found = db.scalar(sa.text(f"{ask} {name}"))
                yield _said(f"database {name}", found == value, f"{found}" if found == value else f"{found}, must be {value}")
            yield Finding("database version", "ok", str(db.scalar(sa.text("SELECT sqlite_version()" if kind == "sqlite" else "SHOW server_version"))))
            drift = abs(clock.drift(db).total_seconds())
            yield _said("clock", drift <= clock.MOST_DRIFT.total_seconds(), f"{drift:.1f} s from the database's")
    except SQLAlchemyError as error:
        yield Finding("database", "bad", type(error).__name__)
        return
    yield from _schema(house, deep=deep)


def _schema(house: Application, *, deep: bool) -> Iterator[Finding]:
    with nobody() as db:
        tables = set(sa.inspect(db.connection()).get_table_names())
        for owner, folder in migrate.owners(house):
            table = f"alembic_version_{owner}"
            at = db.scalar(sa.text(f"SELECT version_num FROM {table}")) if table in tables else None
            head = ScriptDirectory(str(migrate.HERE), version_locations=[str(folder)]).get_current_head()
            yield _said(f"schema {owner}", at == head, f"{at}" if at == head else f"{at}, the newest is {head}: telerad db upgrade")
    found = migrate.differences(house)
    yield _said("schema", not found, f"{len(found)} differences")
    if not found:
        yield _said("backup", *overdue.backup_state())
        yield _said("drill", *overdue.drill_state())
        yield _said("work", *_work(house))
        yield from _in_use(house)
    if deep and not found:
        broken = list(invariants.check(house))
        yield _said("invariants", not broken, f"{len(broken)} broken")
        for one in broken[:MOST]:
            yield Finding(f"invariant {one.rule}", "bad", f"tenant {one.tenant_id}: {one.what}")


def _in_use(house: Application) -> Iterator[Finding]:
    """Plugins that tenants have on and that do not do what they should."""
    for plugin in overview.of_house(house):
        users = ", ".join((*plugin.tenants, *plugin.draining))
        if plugin.state == "broken" and users:
            yield Finding(f"plugin {plugin.name} in use", "bad", f"did not start; what needs it is refused for {users}")
        if plugin.state == "missing":
            yield Finding(f"plugin {plugin.name} in use", "bad", f"not installed, its rows wait; on for {users}")
        if plugin.state == "degraded" and (last := plugin.last) is not None:
            yield Finding(f"plugin {plugin.name} lately", "warn", f"degraded: {plugin.failures} failures, the last in {last.place}: "
                          f"{last.error}, {last.last_at:%Y-%m-%d %H:%M} UTC; on for {users or 'nobody'}")


def _work(house: Application) -> tuple[bool, str]:
    """What gave up, and how long the oldest event waits."""
    waits = deliver.waiting_longest(house)
    with all_tenants() as db:
        gave_up = len(actions.given_up(db))
    return not gave_up and waits < LATE, f"{gave_up} gave up, the oldest event waits {waits:.0f} s"
