"""What a plugin stored goes only when nobody uses it, and after it was written to a file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.app import create_app
from core.host import purge, switches
from core.host.loader import load_plugins
from core.host.purge import NotPurgeable, StillOn
from core.host.registry import Declarations
from core.run import migrate
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants, nobody
from plugin_sdk.api import Plugin
from plugin_sdk.db import db
from tests.conftest import World

VERSION = '''
import sqlalchemy as sa
from alembic import op

revision = "purged_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "purged_price",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("tenant_id", sa.Integer, sa.ForeignKey("tenant.id"), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("logo", sa.LargeBinary),
    )
    op.create_table(
        "purged_line",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("price_id", sa.Integer, sa.ForeignKey("purged_price.id"), nullable=False),
    )


def downgrade():
    op.drop_table("purged_line")
    op.drop_table("purged_price")
'''


@pytest.fixture
def stored(app: Any, world: World, tmp_path: Path) -> Iterator[Any]:
    """A house in which a plugin stored two prices and a line for the hospital."""
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "0001_tables.py").write_text(VERSION, encoding="utf-8")
    made = create_app(
        replace(app.house.config, strict_plugins=False),
        extra=(type("Purged", (Plugin,), {"name": "purged", "migrations": str(folder)}),),
    )
    with made.app_context():
        migrate.upgrade(made.house)
        assert made.house.plugins.broken == {}
        with nobody(write=True) as session:
            session.execute(sa.text("DELETE FROM purged_line"))
            session.execute(sa.text("DELETE FROM purged_price"))
            for name in ("头部", "胸部"):
                session.execute(
                    sa.text("INSERT INTO purged_price (id, tenant_id, name, logo) VALUES (:id, :t, :n, :b)"),
                    {"id": len(name) + ord(name[0]), "t": world.hospital.id, "n": name, "b": b"\x00\xff"},
                )
            session.execute(
                sa.text("INSERT INTO purged_line (id, price_id) SELECT 1, min(id) FROM purged_price")
            )
        yield made.house
        if purge.tables_of(made.house, "purged"):
            with all_tenants(write=True) as session:
                for row in session.scalars(sa.select(Tenant)):
                    row.plugins = {k: v for k, v in row.plugins.items() if k != "purged"}
            purge.purge(made.house, "purged", tmp_path / "last.gz")


def names() -> set[str]:
    return {t for t in sa.inspect(db.engine).get_table_names() if "purged" in t}


def test_every_row_is_in_the_file_before_the_tables_are_gone(stored: Any, tmp_path: Path, world: World) -> None:
    assert purge.purge(stored, "purged", tmp_path / "out.gz") == {"purged_line": 1, "purged_price": 2}
    with gzip.open(tmp_path / "out.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert [(r["table"], r.get("name"), r.get("logo")) for r in rows] == [
        ("purged_line", None, None), ("purged_price", "头部", "00ff"), ("purged_price", "胸部", "00ff"),
    ]
    assert (tmp_path / "out.gz").stat().st_mode & 0o077 == 0
    assert names() == set()
    migrate.upgrade(stored)
    assert names() == {"purged_price", "purged_line", "alembic_version_purged"}


def test_a_plugin_that_a_tenant_uses_is_not_purged(stored: Any, tmp_path: Path, world: World) -> None:
    with stored.system_ctx(world.hospital.id) as ctx:
        switches.enable(ctx, "purged")
    with pytest.raises(StillOn) as caught:
        purge.purge(stored, "purged", tmp_path / "out.gz")
    assert caught.value.facts["tenants"] == [world.hospital.code]
    assert "purged_price" in names() and not (tmp_path / "out.gz").exists()


def test_a_file_that_is_there_is_not_overwritten_and_nothing_is_removed(stored: Any, tmp_path: Path) -> None:
    (tmp_path / "out.gz").write_text("precious", encoding="utf-8")
    with pytest.raises(FileExistsError):
        purge.purge(stored, "purged", tmp_path / "out.gz")
    assert (tmp_path / "out.gz").read_text(encoding="utf-8") == "precious"
    assert "purged_price" in names()


def test_a_plugin_that_was_uninstalled_can_still_be_purged(app: Any, stored: Any, tmp_path: Path) -> None:
    assert purge.purge(app.house, "purged", tmp_path / "out.gz") == {"purged_line": 1, "purged_price": 2}
    assert names() == set()


@pytest.mark.parametrize("name", ["study", "audit", "tenant", "alembic_version", "nothing_here", "consul"])
def test_tables_of_core_and_of_others_are_never_anybodys_to_purge(app: Any, house: Any, tmp_path: Path, name: str) -> None:
    with pytest.raises(NotPurgeable):
        purge.purge(app.house, name, tmp_path / "out.gz")
    assert not (tmp_path / "out.gz").exists()


@pytest.mark.parametrize(("name", "reason"), [
    ("study", "the name covers core's table study_"), ("upload", "the name covers core's table upload_file"),
    ("X-ray", "a name is 3 to 30"), ("alembic_version", "a name is 3 to 30"),
])
def test_a_name_that_covers_a_table_of_core_leaves_the_plugin_out(name: str, reason: str) -> None:
    plugins = load_plugins(Declarations("core"), allowed=frozenset(), extra=(type("Named", (Plugin,), {"name": name}),))
    assert reason in plugins.broken[name]


def test_tables_of_a_plugin_that_only_the_database_remembers_are_not_anothers_to_purge(stored: Any, tmp_path: Path) -> None:
    with nobody(write=True) as session:
        session.execute(sa.text("CREATE TABLE purged_ai_score (id INTEGER PRIMARY KEY)"))
        session.execute(sa.text("CREATE TABLE alembic_version_purged_ai (version_num VARCHAR(32))"))
    try:
        purge.purge(stored, "purged", tmp_path / "out.gz")
        assert names() == {"purged_ai_score", "alembic_version_purged_ai"}
    finally:
        purge.purge(stored, "purged_ai", tmp_path / "ai.gz")
    assert names() == set()
