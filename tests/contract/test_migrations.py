"""Each owner's migrations go up, down and up again, with rows of others in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from core import config
from core.app import create_app
from core.run import migrate
from core.tenancy import actions
from core.tenancy.sessions import all_tenants
from plugin_sdk.db import db


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
    migrate.downgrade(fresh, "consultation")
    migrate.downgrade(fresh, "core")
    assert tables() <= {"alembic_version_core", "alembic_version_consultation"}


def test_two_owners_keep_their_versions_apart(fresh: Any) -> None:
    migrate.upgrade(fresh)
    assert {"alembic_version_core", "alembic_version_consultation"} <= tables()
