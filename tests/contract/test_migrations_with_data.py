"""Every migration of every owner goes down and up again under a house that has done its main job.

A new migration is a new case without a line here: cases come from the folders of versions. A house with two worlds in
it (upload, request, report, images, notices) is made once through the product and copied for each case.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config as AlembicConfig
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from core import config
from core.app import create_app
from core.run import migrate
from plugin_sdk.db import db
from tests import conftest
from tests.contract import stage

OWNERS = sorted(p.name for p in (migrate.HERE / "versions").iterdir() if p.is_dir() and list(p.glob("[0-9]*.py")))
Open = Callable[[], Any]


def scripts(folder: Path) -> ScriptDirectory:
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(migrate.HERE))
    settings.set_main_option("path_separator", "newline")
    settings.set_main_option("version_locations", str(folder))
    return ScriptDirectory.from_config(settings)


def steps() -> list[tuple[str, str, str]]:
    """Owner, revision, and the one before it."""
    return [
        (owner, script.revision, str(script.down_revision or "base"))
        for owner in OWNERS
        for script in scripts(migrate.HERE / "versions" / owner).walk_revisions()
    ]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[str]:
    """The URL of a database in which the main job was done twice, by two worlds."""
    folder = tmp_path_factory.mktemp("full")
    url = make_database(database_url, "full_house", folder)
    with opened(url, folder) as house:
        migrate.upgrade(house)
        make_world = conftest.make_world.__wrapped__(house.flask)
        worlds = [make_world(mark) for mark in ("甲", "乙")]
    for world, mark in zip(worlds, ("甲", "乙"), strict=True):
        stage.things(world, mark)
        stage.drive(world, stage.make_study(world).public_id, "CONFIRMED")
        world.drain()
    yield url


def make_database(base: str, name: str, folder: Path, *, template: str = "") -> str:
    """A database of the kind under test: empty, or a copy of ``template``."""
    if not base.startswith("postgresql"):
        if template:
            shutil.copyfile(str(sa.make_url(template).database), folder / f"{name}.db")
        return f"sqlite:///{folder}/{name}.db"
    server = sa.create_engine(base, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        if template:  # a template may have no other session: those of the house that filled it are still in its pool
            connection.execute(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
                {"name": sa.make_url(template).database},
            )
        made = f" TEMPLATE {sa.make_url(template).database}" if template else ""
        connection.execute(sa.text(f"CREATE DATABASE {name}{made}"))
    server.dispose()
    return str(sa.make_url(base).set(database=name).render_as_string(hide_password=False))


@contextmanager
def opened(url: str, folder: Path) -> Iterator[Any]:
    """A house on a database, its connections given back at the end (SQLite: the log folded into the file)."""
    app = create_app(config.load({}, data=folder, testing=True, database_url=url))
    with app.app_context():
        try:
            yield app.house
        finally:
            if url.startswith("sqlite"):
                with db.engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            db.engine.dispose()


@pytest.fixture
def house(full: str, database_url: str, tmp_path: Path) -> Iterator[Any]:
    """A copy of the full house."""
    fold(full)
    with opened(make_database(database_url, "copied_house", tmp_path, template=full), tmp_path) as found:
        yield found


def fold(url: str) -> None:
    """Close what is open on a database, so that its file is all of it."""
    engine = sa.create_engine(url)
    if url.startswith("sqlite"):
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


def tables() -> set[str]:
    return {t for t in sa.inspect(db.engine).get_table_names() if not t.startswith("alembic_version")}


def digests(names: set[str]) -> dict[str, tuple[int, str]]:
    """Rows and a digest of them, per table, over all columns there are."""
    found, reflected = {}, sa.MetaData()
    reflected.reflect(db.engine, only=sorted(names))
    with db.engine.connect() as connection:
        for name in names:
            table = reflected.tables[name]
            rows = connection.execute(sa.select(table).order_by(*table.primary_key.columns)).all()
            found[name] = len(rows), hashlib.sha256(repr([tuple(r) for r in rows]).encode()).hexdigest()
    return found


def counts(found: dict[str, tuple[int, str]], names: set[str]) -> dict[str, int]:
    return {n: found[n][0] for n in sorted(names & set(found))}


def whole() -> None:
    """No row points nowhere."""
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_there_is_something_to_lose(house: Any) -> None:
    """Every owner's tables hold rows, or the cases below prove nothing."""
    assert migrate.differences(house) == []
    found = digests(tables())
    assert {"core", "consultation"} <= set(OWNERS)
    for owner in OWNERS:
        mine = set(migrate.tables_of(house, owner))
        assert sum(counts(found, mine).values()) > (100 if owner == "core" else 0), owner
    assert found["study"][0] == 4 and found["consultation_report_version"][0] >= 4


@pytest.mark.parametrize(("owner", "revision", "before"), steps(), ids=lambda v: v)
def test_one_step_down_and_up_again_loses_no_row_of_others(house: Any, owner: str, revision: str, before: str) -> None:
    at_start = digests(tables())
    for other in reversed([name for name, _ in migrate.owners(house)]):
        if owner == "core" and before == "base" and other != "core":
            migrate.downgrade(house, other)  # core's tables carry theirs
    mine = set(migrate.tables_of(house, owner))
    there = digests(tables())
    migrate.downgrade(house, owner, before)
    whole()
    left = digests(tables())
    assert {n: v for n, v in left.items() if n not in mine} == {n: v for n, v in there.items() if n not in mine}
    assert counts(left, set(left)) == counts(there, set(left)), "rows went with a step that is not theirs"
    migrate.upgrade(house)
    whole()
    assert migrate.differences(house) == []
    again = digests(tables())
    assert set(again) == set(at_start)
    assert counts(again, set(left)) == counts(left, set(left))


@pytest.mark.parametrize("owner", [o for o in OWNERS if o != "core"])
def test_a_plugin_goes_to_nothing_and_comes_back_while_the_rest_stays(house: Any, owner: str) -> None:
    mine = set(migrate.tables_of(house, owner))
    before = digests(tables())
    migrate.downgrade(house, owner)
    whole()
    assert digests(tables()) == {n: v for n, v in before.items() if n not in mine}
    migrate.upgrade(house)
    assert migrate.differences(house) == []
    again = digests(tables())
    assert {n: v for n, v in again.items() if n not in mine} == {n: v for n, v in before.items() if n not in mine}
    assert set(counts(again, mine).values()) <= {0}


def test_the_main_job_runs_after_all_went_down_and_up(full: str, database_url: str, tmp_path: Path) -> None:
    fold(full)
    with opened(make_database(database_url, "copied_house", tmp_path, template=full), tmp_path) as house:
        for owner, _ in reversed(migrate.owners(house)):
            migrate.downgrade(house, owner)
        assert tables() == set()
        migrate.upgrade(house)
        world = conftest.make_world.__wrapped__(house.flask)("丙")
    stage.drive(world, stage.make_study(world).public_id, "CONFIRMED")


@pytest.mark.sqlite
def test_altering_a_table_empties_those_that_cascade_from_it_unless_it_is_done_our_way(house: Any) -> None:
    """The control: with foreign keys on, the copy that SQLite needs for an ALTER takes the rows of others along."""
    def lone() -> int:
        with db.engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM zz_child").scalar() or 0)

    with db.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE zz_parent (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("CREATE TABLE zz_child (id INTEGER PRIMARY KEY, up INTEGER REFERENCES zz_parent ON DELETE CASCADE)")
        connection.exec_driver_sql("INSERT INTO zz_parent VALUES (1)")
        connection.exec_driver_sql("INSERT INTO zz_child VALUES (1, 1)")
    with migrate._alembic(house, "core", migrate.HERE / "versions" / "core") as settings:
        widen(settings.attributes["connection"], "a")
    assert lone() == 1
    with db.engine.begin() as connection:
        widen(connection, "b")
    assert lone() == 0


def widen(connection: Any, name: str) -> None:
    with Operations(MigrationContext.configure(connection)).batch_alter_table("zz_parent", recreate="always") as batch:
        batch.add_column(sa.Column(name, sa.Integer()))


def test_doubled_sources_of_a_person_become_one_and_what_they_brought_keeps_it(house: Any) -> None:
    migrate.downgrade(house, "core", "core_0008")
    with db.engine.begin() as connection:
        tenant, account, first = connection.execute(
            sa.text("SELECT tenant_id, account_id, id FROM source WHERE kind = 'uploader' ORDER BY id LIMIT 1")
        ).one()
        double = connection.execute(
            sa.text(
                "INSERT INTO source (public_id, tenant_id, kind, name, account_id, created_at)"
                " SELECT 'DOUBLE', tenant_id, kind, name, account_id, created_at FROM source WHERE id = :id RETURNING id"
            ),
            {"id": first},
        ).scalar_one()
        moved = connection.execute(
            sa.text("UPDATE upload SET source_id = :double WHERE source_id = :first RETURNING id"), {"double": double, "first": first}
        ).scalars().all()
        before = connection.execute(sa.text("SELECT count(*) FROM source")).scalar_one()
    assert moved
    migrate.upgrade(house)
    with db.engine.connect() as connection:
        kept = connection.execute(
            sa.text("SELECT id FROM source WHERE kind = 'uploader' AND tenant_id = :t AND account_id = :a"), {"t": tenant, "a": account}
        ).scalars().all()
        holders = connection.execute(
            sa.text("SELECT DISTINCT source_id FROM upload WHERE id IN :ids").bindparams(sa.bindparam("ids", expanding=True)), {"ids": moved}
        ).scalars().all()
        assert (kept, holders) == ([first], [first])
        assert connection.execute(sa.text("SELECT count(*) FROM source")).scalar_one() == before - 1
