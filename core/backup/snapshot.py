"""The database as one file, photographed while it is written to, and put back into an empty place.

SQLite: its backup API, all pages in one step, so that writers do not make it start again. PostgreSQL: ``pg_dump`` in
custom format inside a snapshot that our own counts share; the tools must be as new as the server.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from core.backup import tools
from core.backup.vault import BackupRefused

Pulse = Callable[[], None]
BLOBS = ("tenant_id", "sha256", "gen", "size", "state")


@dataclass(frozen=True)
class Snapshot:
    """What a snapshot holds. ``tools``: major version of the tools that must read it, 0 for SQLite."""

    dialect: str
    schema: dict[str, str]
    rows: dict[str, int]
    tools: int = 0


class Named(NamedTuple):
    """Bytes that a row of the snapshot names."""

    tenant: str
    sha256: str
    gen: int
    size: int


def take(engine: Engine, to: Path, pulse: Pulse) -> Snapshot:
    """Write the database's present state to a file. :param pulse: called now and then while it lasts"""
    return _take_sqlite(engine, to) if engine.dialect.name == "sqlite" else _take_postgresql(engine, to, pulse)


def put_back(file: Path, snapshot_dialect: str, url: str, needed: int) -> None:
    """Fill an empty database. :raise BackupRefused: it is of the other kind, or not empty"""
    target = sa.make_url(url)
    if target.get_backend_name() != snapshot_dialect:
        raise BackupRefused(f"a backup of {snapshot_dialect} goes back into {snapshot_dialect} only")
    if snapshot_dialect == "sqlite":
        path = Path(str(target.database))
        if path.exists():
            raise BackupRefused(f"{path} is there already")
        file.replace(path)
        return
    command = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", str(file)]
    done = subprocess.run(
        [tools.find("pg_restore", needed), "--dbname", tools.address(target), *command],
        env=tools.environment(target), capture_output=True, text=True, check=False,
    )
    if done.returncode:
        raise BackupRefused(f"pg_restore: {_last_line(done.stderr)}")


def is_empty(url: str) -> bool:
    """Whether a database has no table. An SQLite file that is not there is empty."""
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite" and not Path(str(address.database)).exists():
        return True
    engine = sa.create_engine(address)
    try:
        return not sa.inspect(engine).get_table_names()
    finally:
        engine.dispose()


@contextmanager
def spare(url: str, folder: Path, name: str) -> Iterator[str]:
    """An empty database beside the house's own, for as long as it is looked at.

    :raise BackupRefused: the account may make none on the server
    """
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        yield f"sqlite:///{folder}/telerad.db"
        return
    server = sa.create_engine(address, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    quoted = server.dialect.identifier_preparer.quote(f"telerad_drill_{name}")
    try:
        with server.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {quoted} TEMPLATE template0"))
        yield address.set(database=f"telerad_drill_{name}").render_as_string(hide_password=False)
    except sa.exc.ProgrammingError as error:
        raise BackupRefused(f"no database for the drill: {_last_line(str(error.orig))}") from None
    finally:
        with server.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)"))
        server.dispose()


def rows_of(engine: Engine) -> dict[str, int]:
    """Rows per table, counted now."""
    with engine.connect() as connection:
        return _rows(connection)


def blobs(file: Path, dialect: str, needed: int) -> Iterator[Named]:
    """Bytes that rows of a snapshot name, without restoring it; what the sweeper is taking away is left out."""
    codes = {row["id"]: str(row["code"]) for row in _read(file, dialect, needed, "tenant", ("id", "code"))}
    for row in _read(file, dialect, needed, "blob", BLOBS):
        if row["state"] != "dying":
            yield Named(codes[row["tenant_id"]], str(row["sha256"]), int(row["gen"]), int(row["size"]))


def parts(file: Path, dialect: str, needed: int) -> Iterator[str]:
    """Parts of uploads that a snapshot still has to work on."""
    for row in _read(file, dialect, needed, "upload_file", ("path", "outcome")):
        if row["path"] and not row["outcome"]:
            yield str(row["path"])


def faults(file: Path, dialect: str, rows: dict[str, int]) -> Iterator[str]:
    """What is wrong with a snapshot itself, one sentence each."""
    if dialect != "sqlite":
        return
    with closing(_open(file)) as db:
        try:
            answers = [a for (a,) in db.execute("PRAGMA integrity_check(5)")]
            orphans = len(db.execute("PRAGMA foreign_key_check").fetchall())
            found = _sqlite_rows(db)
        except sqlite3.DatabaseError as error:
            yield f"database: {error}"
            return
    if answers != ["ok"]:
        yield f"database: {answers[0]}"
    if orphans:
        yield f"database: {orphans} rows point nowhere"
    for table in sorted(rows.keys() | found.keys()):
        if rows.get(table) != found.get(table):
            yield f"database: {table} has {found.get(table)} rows, recorded were {rows.get(table)}"


def _take_sqlite(engine: Engine, to: Path) -> Snapshot:
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(str(engine.url.database))) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target, pages=-1)
        target.execute("PRAGMA journal_mode=DELETE")
        rows = _sqlite_rows(target)
        schema = {
            table.removeprefix("alembic_version_"): str(target.execute(f"SELECT version_num FROM {table}").fetchone()[0])
            for table in rows if table.startswith("alembic_version_") and rows[table]
        }
    return Snapshot("sqlite", schema, rows)


def _take_postgresql(engine: Engine, to: Path, pulse: Pulse) -> Snapshot:
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            name = connection.scalar(sa.text("SELECT pg_export_snapshot()"))
            server = int(connection.scalar(sa.text("SHOW server_version_num")) or 0) // 10000
            rows = _rows(connection)
            schema = {
                table.removeprefix("alembic_version_"): str(
                    connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(table)))
                )
                for table in rows if table.startswith("alembic_version_") and rows[table]
            }
            command = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={name}", f"--file={to}"]
            os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            tools.run(
                [tools.find("pg_dump", server), "--dbname", tools.address(engine.url), *command],
                tools.environment(engine.url), pulse,
            )
    return Snapshot("postgresql", schema, rows, server)


def _rows(connection: Connection) -> dict[str, int]:
    names = sorted(sa.inspect(connection).get_table_names())
    return {n: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(n))) or 0 for n in names}


def _sqlite_rows(db: sqlite3.Connection) -> dict[str, int]:
    found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    names = [name for (name,) in found if not name.startswith("sqlite_")]
    return {n: int(db.execute(f'SELECT count(*) FROM "{n}"').fetchone()[0]) for n in names}


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _read(file: Path, dialect: str, needed: int, table: str, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Rows of one table of a snapshot. :raise BackupRefused: it cannot be read"""
    if dialect == "sqlite":
        with closing(_open(file)) as db:
            try:
                for row in db.execute(f"SELECT {', '.join(columns)} FROM {table}"):
                    yield dict(zip(columns, row, strict=True))
            except sqlite3.DatabaseError as error:
                raise BackupRefused(f"database: {error}") from None
        return
    yield from tools.copied(file, needed, table, columns)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no answer"])[-1][:300]
