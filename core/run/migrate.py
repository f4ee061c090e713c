"""Migrations: one Alembic environment, one version table per owner, core first, then plugins in start order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

import migrations
from core.host import loader
from core.host.house import Application
from plugin_sdk.db import db, metadata
from plugin_sdk.errors import DomainError

HERE = Path(migrations.__file__).parent


class BrokenKeys(RuntimeError):
    """A migration left rows that point nowhere; it was rolled back."""


def owners(house: Application) -> list[tuple[str, Path]]:
    """Each owner with migrations and the folder of its versions, in the order they run."""
    found = [("core", HERE / "versions" / "core")]
    for name in house.plugins.ready:
        where = house.plugins.found[name].migrations
        if where:
            found.append((name, HERE / "versions" / name if where == "bundled" else loader.migrations_of(where)))
    return found


@dataclass(frozen=True)
class Step:
    """An owner whose tables are behind. ``now`` is '' before its first version."""

    owner: str
    now: str
    to: str

    def __str__(self) -> str:
        return f"{self.owner}: {self.now or 'nothing'} > {self.to}"


class Newer(DomainError):
    """The database was brought up by a later version of the product than this one. The sentence names the revision."""


class NoRevision(DomainError):
    """No owner has a version of this name."""


def pending(house: Application, to: str = "head") -> list[Step]:
    """What an upgrade would do. A plugin older than its tables has nothing to do: it is left out where it would run.

    :raise NoRevision: ``to`` is neither ``head`` nor a version
    :raise Newer: core is older than its tables
    """
    steps = []
    with db.engine.connect() as connection:
        for owner, folder in owners(house) if to == "head" else [owner_of(house, to)]:
            options = {"version_table": f"alembic_version_{owner}"}
            now = MigrationContext.configure(connection, opts=options).get_current_revision() or ""
            scripts = ScriptDirectory(str(HERE), version_locations=[str(folder)])
            wanted = scripts.get_current_head() if to == "head" else to
            if now and now not in {s.revision for s in scripts.walk_revisions()}:
                if owner == "core":
                    raise Newer(f"the database is at {now}, which this version does not know: install the version that made it")
                continue
            behind = {s.revision for s in scripts.iterate_revisions(wanted or "head", now or "base")} if wanted != now else set()
            if wanted and wanted in behind:
                steps.append(Step(owner, now, wanted))
    return steps


def owner_of(house: Application, revision: str) -> tuple[str, Path]:
    """Whose version it is, and the folder of theirs. :raise NoRevision: nobody's"""
    for owner, folder in owners(house):
        scripts = ScriptDirectory(str(HERE), version_locations=[str(folder)])
        if revision in {s.revision for s in scripts.walk_revisions()}:
            return owner, folder
    raise NoRevision(f"no migration is called {revision}")


def upgrade(house: Application, to: str = "head", only: str | None = None) -> None:
    """Bring the schema up, of all owners or of one, in one transaction each; a plugin whose migration fails is left out."""
    for owner, folder in owners(house):
        if only not in (None, owner):
            continue
        try:
            with _alembic(house, owner, folder) as config:
                command.upgrade(config, to)
        except Exception as error:
            if owner == "core":
                raise
            house.plugins.leave_out(owner, "migrate", error)


def leave_out_unmigrated(house: Application) -> None:
    """Leave out plugins whose tables are not those of their code: their migration failed, or nobody ran it.

    A database without any table is only young.
    """
    with db.engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version_core"):
            return
        for owner, folder in owners(house)[1:]:
            context = MigrationContext.configure(connection, opts={"version_table": f"alembic_version_{owner}"})
            scripts = ScriptDirectory(str(HERE), version_locations=[str(folder)])
            if set(context.get_current_heads()) != set(scripts.get_heads()):
                house.plugins.leave_out(owner, "migrate", RuntimeError("the schema is not the one of this version"))


def downgrade(house: Application, owner: str, to: str = "base") -> None:
    folder = dict(owners(house))[owner]
    with _alembic(house, owner, folder) as config:
        command.downgrade(config, to)


def revision(house: Application, owner: str, message: str) -> None:
    """Write a new version from the difference between models and database."""
    folder = dict(owners(house))[owner]
    with _alembic(house, owner, folder) as config:
        command.revision(config, message=message, autogenerate=True, version_path=str(folder))


def differences(house: Application) -> list[object]:
    """What models and database do not agree on; empty when all is well."""
    found: list[object] = []
    with db.engine.connect() as connection:
        for owner, _ in owners(house):
            mine = tables_of(house, owner)
            context = MigrationContext.configure(
                connection,
                opts={
                    "version_table": f"alembic_version_{owner}",
                    "compare_type": True,
                    "include_object": lambda thing, name, kind, *_, mine=mine: _table_of(thing, name, kind) in mine,
                },
            )
            found += compare_metadata(context, metadata)
    return found


def tables_of(house: Application, owner: str) -> frozenset[str]:
    """A plugin's tables carry its prefix; core's are the rest."""
    prefixes = tuple(f"{n}_" for n, p in house.plugins.found.items() if p.migrations)
    if owner == "core":
        return frozenset(t for t in metadata.tables if not t.startswith(prefixes)) if prefixes else frozenset(metadata.tables)
    return frozenset(t for t in metadata.tables if t.startswith(f"{owner}_"))


def _table_of(thing: object, name: str | None, kind: str) -> str | None:
    return name if kind == "table" else getattr(getattr(thing, "table", None), "name", None)


@contextmanager
def _alembic(house: Application, owner: str, folder: Path) -> Iterator[AlembicConfig]:
    """An Alembic configuration on one connection; commits at the end, after foreign keys were checked.

    SQLite: foreign keys are off before BEGIN (inside a transaction the pragma is ignored), or a batch ALTER with
    cascading keys would empty other tables.
    """
    config = AlembicConfig()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(folder))
    with db.engine.connect().execution_options(telerad_begin="BEGIN IMMEDIATE") as connection:
        raw = connection.connection.dbapi_connection if connection.dialect.name == "sqlite" else None
        if raw is not None:
            raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                config.attributes.update(connection=connection, owner=owner, tables=tables_of(house, owner))
                yield config
                _check_keys(connection)
        finally:
            if connection.dialect.name == "sqlite" and raw is not None:
                raw.execute("PRAGMA foreign_keys=ON")


def _check_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        bad = connection.execute(sa.text("PRAGMA foreign_key_check")).all()
        if bad:
            raise BrokenKeys(f"{len(bad)} rows of {sorted({r[0] for r in bad})}")
