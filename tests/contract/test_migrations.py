"""Each owner's migrations go up, down and up again, with rows of others in place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory

from core import config
from core.app import create_app
from core.run import migrate
from core.studies.models import Study
from core.tenancy import actions
from core.tenancy.sessions import all_tenants
from plugin_sdk.consultation import PartCount, Terms
from plugin_sdk.db import db
from plugins.consultation.requests import create
from tests import conftest


@pytest.fixture
def fresh(tmp_path: Any, database_url: str) -> Iterator[Any]:
    """An application on an empty database of the kind under test."""
    url = f"sqlite:///{tmp_path}/fresh.db"
    if database_url.startswith("postgresql"):
        base = sa.create_engine(database_url, isolation_level="AUTOCOMMIT")
        with base.connect() as connection:
            connection.execute(sa.text("DROP DATABASE IF EXISTS fresh"))
            connection.execute(sa.text("CREATE DATABASE fresh"))
        base.dispose()
        url = str(sa.make_url(database_url).set(database="fresh").render_as_string(hide_password=False))
    app = create_app(config.load({}, data=tmp_path, testing=True, database_url=url))
    with app.app_context():
        yield app.house
        db.engine.dispose()


def tables() -> set[str]:
    return set(sa.inspect(db.engine).get_table_names())


def test_up_down_up_leaves_what_was_there(fresh: Any) -> None:
    migrate.upgrade(fresh)
    assert migrate.differences(fresh) == []
    with all_tenants(write=True) as session:
        actions.create(session, fresh, code="HTEST", kind="hospital", name="测试医院")
    migrate.downgrade(fresh, "consultation")
    assert not {t for t in tables() if t.startswith("consultation_")}
    migrate.upgrade(fresh)
    assert migrate.differences(fresh) == []
    assert fresh.tenant_by_code("HTEST") is not None


def test_core_goes_down_to_nothing(fresh: Any) -> None:
    migrate.upgrade(fresh)
    plugins = [owner for owner, _ in migrate.owners(fresh)[1:]]
    for owner in plugins:
        migrate.downgrade(fresh, owner)
    migrate.downgrade(fresh, "core")
    assert tables() <= {f"alembic_version_{owner}" for owner in ("core", *plugins)}


def test_two_owners_keep_their_versions_apart(fresh: Any) -> None:
    migrate.upgrade(fresh)
    assert {"alembic_version_core", "alembic_version_consultation"} <= tables()


def counts(names: set[str]) -> dict[str, int]:
    with db.engine.connect() as connection:
        return {n: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(n))) or 0 for n in sorted(names)}


def ask(world: conftest.World, study: Study) -> None:
    ctx = world.doctor.ctx()
    create.request(ctx, study.public_id, Terms(group=world.group.code, parts=(PartCount(name="胸部", count=1),)))
    ctx.commit()
    ctx.close()


def test_a_plugin_goes_and_comes_back_with_patients_studies_and_requests_in_place(fresh: Any) -> None:
    migrate.upgrade(fresh)
    world = conftest.make_world.__wrapped__(fresh.flask)()
    make_study = conftest.make_study.__wrapped__(fresh.flask)
    ask(world, make_study(world))
    own = {t for t in tables() if t.startswith("consultation_")}
    kept = {t for t in tables() - own if not t.startswith("alembic_version")}
    before = counts(kept)
    assert before["study"] == 1 and before["study_grant"] == 1 and counts(own)["consultation_request"] == 1
    migrate.downgrade(fresh, "consultation")
    assert counts(kept) == before
    migrate.upgrade(fresh)
    assert (counts(kept), counts(own)["consultation_request"]) == (before, 0)
    ask(world, make_study(world))
    assert counts(own)["consultation_request"] == 1


@pytest.mark.sqlite
def test_rows_that_point_nowhere_stop_a_migration(fresh: Any) -> None:
    migrate.upgrade(fresh)
    migrate.downgrade(fresh, "consultation")
    raw = sqlite3.connect(str(db.engine.url.database))
    raw.execute("INSERT INTO credential (account_id, password_hash, must_change, changed_at) VALUES (99, '-', 0, '2026-01-01')")
    raw.commit()
    raw.close()
    with pytest.raises(migrate.BrokenKeys, match="credential"):
        migrate.upgrade(fresh)
    assert not {t for t in tables() if t.startswith("consultation_")}


def test_each_owner_has_one_line_of_versions_that_ends_in_one_head(fresh: Any) -> None:
    for owner, folder in migrate.owners(fresh):
        config = AlembicConfig()
        config.set_main_option("script_location", str(migrate.HERE))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", str(folder))
        scripts = ScriptDirectory.from_config(config)
        assert (len(scripts.get_heads()), len(scripts.get_bases())) == (1, 1), owner
