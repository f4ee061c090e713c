"""A database with data is not changed without a way back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from core import clock
from core.app import TeleradFlask
from core.backup import create
from core.run import migrate, upgrade
from core.tenancy import actions
from core.tenancy.sessions import all_tenants
from plugin_sdk.db import db
from tests.core.backup.places import Place, new_database, open_place
from tests.core.backup.test_backup import PLAIN


@pytest.fixture
def place(app: TeleradFlask, database_url: str, tmp_path: Path) -> Iterator[Place]:
    data = tmp_path / "house"
    data.mkdir()
    with open_place(data, new_database(database_url, data, "house")) as made:
        yield made


def behind(place: Place) -> str:
    """Fill the house and take the newest tables of a plugin away again. :return: the version that is missing"""
    migrate.upgrade(place.house)
    with all_tenants(write=True) as session:
        actions.create(session, place.house, code="HTEST", kind="hospital", name="测试医院")
    newest = [s.to for s in _all(place)][-1]
    migrate.downgrade(place.house, "consultation")
    return newest


def _all(place: Place) -> list[migrate.Step]:
    migrate.downgrade(place.house, "consultation")
    steps = migrate.pending(place.house)
    migrate.upgrade(place.house)
    return steps


def test_an_empty_database_is_made_without_a_question(place: Place) -> None:
    said = list(upgrade.bring_up(place.house))
    assert said[0].startswith("core: nothing > core_")
    assert migrate.pending(place.house) == []
    assert list(upgrade.bring_up(place.house)) == []


@pytest.mark.sqlite
def test_a_database_with_data_is_photographed_before_it_changes(place: Place) -> None:
    missing = behind(place)
    said = list(upgrade.bring_up(place.house))
    assert said[1:] == [f"consultation: nothing > {missing}"]
    with closing(sqlite3.connect(said[0].removeprefix("snapshot "))) as before:
        assert before.execute("SELECT code FROM tenant").fetchall() == [("HTEST",)]
        assert not before.execute("SELECT 1 FROM sqlite_master WHERE name = 'consultation_request'").fetchall()
    assert migrate.differences(place.house) == []


@pytest.mark.postgresql
def test_postgresql_is_not_changed_without_a_fresh_verified_backup(place: Place, tmp_path: Path) -> None:
    behind(place)
    with pytest.raises(upgrade.UpgradeRefused):
        list(upgrade.bring_up(place.house))
    create.create(place.house, tmp_path / "backup", PLAIN)
    clock.shift(timedelta(hours=25))
    with pytest.raises(upgrade.UpgradeRefused):
        list(upgrade.bring_up(place.house))
    clock.shift(timedelta(hours=-2))
    assert len(list(upgrade.bring_up(place.house))) == 1
    migrate.downgrade(place.house, "consultation")
    clock.shift(timedelta(days=2))
    assert len(list(upgrade.bring_up(place.house, i_have_one=True))) == 1


def test_one_owner_goes_to_a_version_and_back(place: Place) -> None:
    assert [s.owner for s in migrate.pending(place.house, "core_0001")] == ["core"]
    assert list(upgrade.bring_up(place.house, to="core_0001")) == ["core: nothing > core_0001"]
    assert migrate.pending(place.house, "core_0001") == []
    assert migrate.pending(place.house)[0].now == "core_0001"
    list(upgrade.bring_up(place.house, to="core_0002"))
    assert list(upgrade.bring_down(place.house, "core_0001", i_have_one=True)) == ["core: core_0001"]
    assert migrate.pending(place.house)[0].now == "core_0001"
    assert db.engine.dialect.name


def test_a_version_that_nobody_has_is_refused(place: Place) -> None:
    for act in (lambda: migrate.pending(place.house, "core_9999"), lambda: list(upgrade.bring_down(place.house, "x"))):
        with pytest.raises(migrate.NoRevision):
            act()
