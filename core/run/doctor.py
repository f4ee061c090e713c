"""What is wrong with an installation, if anything."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import sqlalchemy as sa
from redis.exceptions import RedisError

import core
from core import invariants
from core.backup import drill
from core.host.house import Application
from core.run import migrate
from core.tenancy.sessions import all_tenants, nobody
from core.work import actions, deliver, jobs

LATE = 15 * 60
"""Seconds after which an event that still waits is worth a look."""
MOST = 50
OURS = ("core", "plugin_sdk", "plugins", "transfer", "migrations")


def examine(house: Application, *, deep: bool = False) -> Iterator[tuple[str, bool, str]]:
    """Name, whether it is well, and what was seen.

    :param deep: also check every invariant, which reads every byte of the store
    """
    for name, value, origin in house.config.shown():
        yield f"config {name}", True, f"{value} ({origin})"
    plugins = house.plugins
    for name in sorted({*plugins.found, *plugins.broken}):
        yield f"plugin {name}", name not in plugins.broken, plugins.broken.get(name, plugins.state(name))
    owners = packages_distributions()
    for package in OURS:
        others = sorted(set(owners.get(package, [])) - {"telerad"})
        yield f"package {package}", not others, f"also shipped by {', '.join(others)}" if others else "ours"
    yield "core is ours", Path(str(core.__file__)).parent.name == "core", str(core.__file__)
    yield "schema", not (found := migrate.differences(house)), f"{len(found)} differences"
    yield "database", *_durability()
    yield "queue", *_queue(house)
    free, total = house.disk.free()
    yield "storage", house.blobs.has_room(), f"{free // 1024**2} MB free of {total // 1024**2} MB"
    if not found:
        yield "backup", *drill.backup_state()
        yield "drill", *drill.state()
        yield "work", *_work(house)
    if deep and not found:
        broken = list(invariants.check(house))
        yield "invariants", not broken, f"{len(broken)} broken"
        for one in broken[:MOST]:
            yield f"invariant {one.rule}", False, f"tenant {one.tenant_id}: {one.what}"


def _work(house: Application) -> tuple[bool, str]:
    """What gave up, and how long the oldest event waits."""
    waits = deliver.waiting_longest(house)
    with all_tenants() as db:
        gave_up = len(actions.given_up(db))
    return not gave_up and waits < LATE, f"{gave_up} gave up, the oldest event waits {waits:.0f} s"


def _durability() -> tuple[bool, str]:
    """A success answer promises survival of a power loss: the database must sync its commits."""
    with nobody() as db:
        if db.get_bind().dialect.name == "sqlite":
            level = db.scalar(sa.text("PRAGMA synchronous"))
            return level == 2, f"SQLite synchronous={level}"
        level = db.scalar(sa.text("SHOW synchronous_commit"))
        return level == "on", f"PostgreSQL synchronous_commit={level}"


def _queue(house: Application) -> tuple[bool, str]:
    try:
        jobs.connect(house.config.redis_url).ping()
    except (RedisError, OSError) as error:
        return False, type(error).__name__
    return True, "answers"
