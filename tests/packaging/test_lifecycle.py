"""An external package in its life: installed, upgraded, gone, back, taken back, purged, by pip and commands alone.

Each step runs in new processes of an environment that has the product's wheel, on both databases. The rows that people
wrote are counted after every step.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom.data import get_testdata_file

from tests import postgres
from tests.packaging.conftest import Environment

pytestmark = pytest.mark.slow
NAME = "acme_notes"
SETUP = """
[metadata]
name = telerad-acme-notes
version = {version}
[options]
packages = find:
include_package_data = false
[options.entry_points]
telerad.plugins =
    acme_notes = telerad_acme_notes.plugin:AcmeNotes
"""
PLUGIN = """
from plugin_sdk.api import Plugin, Registry


class AcmeNotes(Plugin):
    name = "acme_notes"
    title = "演示备注"
    models = "telerad_acme_notes.models"
    migrations = "telerad_acme_notes.migrations"

    def register(self, reg: Registry) -> None:
        reg.command("telerad_acme_notes.commands:acme_notes")
"""
MODELS = """
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from plugin_sdk.db import Pk, TenantMixin, Text200, plugin_base


class Note(TenantMixin, plugin_base("acme_notes")):
    __tablename__ = "acme_notes_note"
    id: Mapped[Pk]
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id", ondelete="RESTRICT"))
    said: Mapped[Text200]
"""
MODELS_2 = MODELS + "    tone: Mapped[Text200]\n"
COMMANDS = """
import click
import sqlalchemy as sa


@click.group("acme_notes")
def acme_notes() -> None:
    pass


@acme_notes.command()
@click.argument("code")
@click.argument("said")
@click.pass_obj
def add(operator, code, said):
    from telerad_acme_notes.models import Note

    with operator.tenant(code) as ctx:
        study_id = ctx.db.scalar(sa.text("SELECT min(id) FROM study WHERE tenant_id = :t"), {"t": ctx.tenant.id})
        ctx.db.add(Note(study_id=study_id, said=said{more}))
        ctx.db.flush()
        ctx.commit()
"""
FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "acme_notes_0001"
down_revision = None


def upgrade():
    op.create_table(
        "acme_notes_note",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("study_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("said", sa.String(200), nullable=False),
        sa.Column("tenant_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_acme_notes_note_study_id", ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_acme_notes_note_tenant_id", ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name="pk_acme_notes_note"),
    )
    op.create_index("ix_acme_notes_note_tenant_id", "acme_notes_note", ["tenant_id"])


def downgrade():
    op.drop_table("acme_notes_note")
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "acme_notes_0002"
down_revision = "acme_notes_0001"


def upgrade():
    with op.batch_alter_table("acme_notes_note") as batch:
        batch.add_column(sa.Column("tone", sa.String(200), nullable=False, server_default="calm"))
    with op.batch_alter_table("acme_notes_note") as batch:
        batch.alter_column("tone", server_default=None, existing_type=sa.String(200), existing_nullable=False)


def downgrade():
    with op.batch_alter_table("acme_notes_note") as batch:
        batch.drop_column("tone")
"""


def write(folder: Path, version: str) -> Path:
    """The package's source in a version; the second one has a column more."""
    second = version != "1.0"
    package = folder / "telerad_acme_notes"
    (package / "migrations").mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n')
    (folder / "setup.cfg").write_text(SETUP.format(version=version))
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(PLUGIN)
    (package / "models.py").write_text(MODELS_2 if second else MODELS)
    (package / "commands.py").write_text(COMMANDS.replace("{more}", ', tone="glad"' if second else ""))
    (package / "migrations" / "__init__.py").touch()
    (package / "migrations" / "0001_notes.py").write_text(FIRST)
    if second:
        (package / "migrations" / "0002_tone.py").write_text(SECOND)
    return folder


@pytest.fixture(scope="module")
def packages(fresh_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Wheels by version."""
    made = {}
    for version in ("1.0", "1.1"):
        out = tmp_path_factory.mktemp("wheels")
        source = write(tmp_path_factory.mktemp(f"notes{version}") / "src", version)
        fresh_env.run("pip", "wheel", "--no-deps", "--wheel-dir", str(out), str(source), cwd=source)
        made[version] = next(out.glob("*.whl"))
    return made


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/telerad.db"
        return
    with postgres.running() as url:
        yield url


class Site:
    """One installation: an environment, a data folder, a database."""

    def __init__(self, env: Environment, database: str, folder: Path) -> None:
        self.env, self.folder = env, folder
        self.variables = {"TELERAD_DATABASE_URL": database, "TELERAD_DATA": str(folder / "data")}
        self.engine = sa.create_engine(database)

    def telerad(self, *arguments: str, fails: bool = False) -> str:
        command = ("env", *(f"{k}={v}" for k, v in self.variables.items()), "telerad", *arguments)
        return self.env.run(*command, cwd=self.folder, fails=fails)

    def pip(self, *arguments: str) -> None:
        self.env.run("pip", *arguments, cwd=self.folder)

    def install(self, wheel: Path) -> None:
        self.pip("install", "--no-deps", str(wheel))

    def says(self, *words: str) -> bool:
        """Whether the list says all this of the package."""
        line = next((line for line in self.telerad("plugin", "list").splitlines() if line.startswith(NAME)), "")
        return all(word in line for word in words)

    def rows(self, *columns: str) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            found = connection.execute(sa.text(f"SELECT {', '.join(columns)} FROM {NAME}_note ORDER BY id"))
            return [tuple(row) for row in found]

    def tables(self) -> set[str]:
        return {t for t in sa.inspect(self.engine).get_table_names() if "acme_notes" in t}


@pytest.fixture
def site(make_env: Callable[[], Environment], database: str, tmp_path: Path) -> Iterator[Site]:
    made = Site(make_env(), database, tmp_path)
    made.telerad("demo", "--no-studies")
    made.telerad("ingest", str(get_testdata_file("CT_small.dcm")), "--tenant", "HDEMO")
    yield made
    made.engine.dispose()


def test_an_external_package_loses_no_row_in_its_life_until_it_is_purged(site: Site, packages: dict[str, Path]) -> None:
    # install: known, off for everybody until a tenant has it on
    site.install(packages["1.0"])
    site.telerad("db", "upgrade", "--i-have-one")
    assert site.says("ready", "tenants 0")
    assert site.telerad("plugin", "enable", NAME, "--tenant", "HDEMO").split() == ["HDEMO", NAME, "on"]
    site.telerad(NAME, "add", "HDEMO", "first")
    assert site.rows("said") == [("first",)]

    # upgrade: the code is newer than the tables, which is said, and the house goes on; then the column comes
    site.install(packages["1.1"])
    assert site.telerad("db", "upgrade", "--dry-run").splitlines() == ["acme_notes: acme_notes_0001 > acme_notes_0002"]
    site.telerad("db", "upgrade", "--i-have-one")
    assert site.says("1.1") and site.rows("said", "tone") == [("first", "calm")]
    site.telerad(NAME, "add", "HDEMO", "second")

    # uninstall: the house starts without it, the rows stay, and the list says that somebody misses it
    site.pip("uninstall", "--yes", "telerad-acme-notes")
    assert site.says("missing", "tenants 1")
    assert "No such command" in site.telerad(NAME, "add", "HDEMO", "third", fails=True)

    # core goes a version down and up again, rebuilding tables on SQLite, while nobody is there to speak for these rows
    head, below = core_versions(site)
    site.telerad("db", "downgrade", below, "--i-have-one")
    site.telerad("db", "upgrade", "--i-have-one")
    assert core_versions(site)[0] == head
    assert site.rows("said", "tone") == [("first", "calm"), ("second", "glad")]

    # reinstall: on where it was on, with all that it had
    site.install(packages["1.1"])
    assert site.says("ready", "tenants 1")
    site.telerad(NAME, "add", "HDEMO", "third")
    assert site.rows("said") == [("first",), ("second",), ("third",)]

    # downgrade: first the tables, then the package
    site.telerad("db", "downgrade", "acme_notes_0001", "--i-have-one")
    site.install(packages["1.0"])
    site.telerad(NAME, "add", "HDEMO", "fourth")
    assert site.rows("said") == [("first",), ("second",), ("third",), ("fourth",)]
    assert "tone" not in {c["name"] for c in sa.inspect(site.engine).get_columns(f"{NAME}_note")}

    # purge: refused while it is on, then everything goes into a file first
    export = site.folder / "notes.jsonl.gz"
    purge = ("plugin", "purge", NAME, "--export", str(export), "--confirm", NAME)
    site.telerad(*purge, fails=True)
    site.telerad("plugin", "disable", NAME, "--tenant", "HDEMO")
    assert not export.exists() and len(site.rows("said")) == 4
    site.pip("uninstall", "--yes", "telerad-acme-notes")
    assert f"{NAME}_note 4" in site.telerad(*purge)
    assert site.tables() == set()
    with gzip.open(export, "rt", encoding="utf-8") as file:
        assert "fourth" in file.read()

    # and it may come back as if it had never been there
    site.install(packages["1.1"])
    site.telerad("db", "upgrade", "--i-have-one")
    assert site.rows("said") == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_package_older_than_its_tables_is_broken_and_says_so_and_the_house_goes_on(site: Site, packages: dict[str, Path]) -> None:
    site.install(packages["1.1"])
    site.telerad("db", "upgrade", "--i-have-one")
    site.telerad("plugin", "enable", NAME, "--tenant", "HDEMO")
    site.telerad(NAME, "add", "HDEMO", "first")
    site.install(packages["1.0"])
    site.telerad("db", "upgrade", "--i-have-one")
    assert site.says("broken")
    assert site.rows("said", "tone") == [("first", "glad")]
    site.install(packages["1.1"])
    assert site.says("ready")


def core_versions(site: Site) -> tuple[str, str]:
    """Core's version in the database and the one before it."""
    from core.run import migrate

    with site.engine.connect() as connection:
        head = connection.execute(sa.text("SELECT version_num FROM alembic_version_core")).scalar_one()
    names = sorted(p.name.partition("_")[0] for p in (migrate.HERE / "versions" / "core").glob("[0-9]*.py"))
    return str(head), f"core_{names[-2]}"
