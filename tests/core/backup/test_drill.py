"""The drill on a real house: it passes when all is well, and each thing that can go wrong makes it fail."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextvars import Context
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core import clock
from core.accounts.models import Account
from core.app import TeleradFlask
from core.backup import create, drill, overdue
from core.backup.record import FILES
from core.backup.vault import BackupRefused, Vault, make_key
from core.run import doctor
from core.tenancy.sessions import all_tenants
from core.web.gate import OPERATOR
from core.work.models import Lease
from plugin_sdk.db import db
from tests.conftest import Member
from tests.core.backup.places import Place, new_place
from tests.core.backup.test_backup import flip, one_file
from tests.desk import Desk


@pytest.fixture
def place(request: pytest.FixtureRequest, app: TeleradFlask, database_url: str, tmp_path: Path) -> Iterator[Place]:
    """A house of its own, with so many studies as the test asks for."""
    with new_place(database_url, tmp_path / "house", studies=getattr(request, "param", 2)) as made:
        yield made


@pytest.mark.parametrize("place", [22], indirect=True)
def test_a_drill_compares_twenty_studies_by_pixel_and_leaves_nothing_behind(place: Place, tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    place.house.config = replace(place.house.config, backup_key=tmp_path / "key")
    done = drill.drill(place.house, tmp_path / "drill")
    assert done.problems == []
    assert (done.files, done.studies, done.images) == (44, 20, 40)
    assert set(done.ms) == {"backup", "restore", "compare"}
    assert not (tmp_path / "drill").exists()
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect() as connection:
            assert not [n for (n,) in connection.execute(sa.text("SELECT datname FROM pg_database")) if "drill" in n]


@pytest.mark.parametrize("defect", ["file removed", "bit flipped", "database cut short", "files before the database"])
def test_a_drill_fails_when(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: str) -> None:
    made = create.create

    def spoiled(house: Any, folder: Path, vault: Vault, **kw: Any) -> Any:
        if defect == "files before the database":
            (place.data / "store").rename(place.data / "away")
            shutil.copytree(place.data / "away", place.data / "store")
            one_file_of(place.data / "store").unlink()
        found = made(house, folder, vault, **kw)
        if defect == "file removed":
            one_file(folder).unlink()
        if defect == "bit flipped":
            flip(one_file(folder), 3000)
        if defect == "database cut short":
            path = folder / "database"
            path.write_bytes(path.read_bytes()[:-4096])
        if defect == "files before the database":
            shutil.rmtree(place.data / "store")
            (place.data / "away").rename(place.data / "store")
        return found

    monkeypatch.setattr(create, "create", spoiled)
    done = drill.drill(place.house, tmp_path / "drill")
    assert done.problems != []
    assert not overdue.drill_state()[1].startswith("passed")


def one_file_of(store: Path) -> Path:
    return next(p for p in sorted(store.rglob("*")) if p.is_file())


def test_the_doctor_complains_when_no_drill_passed_for_eight_days(place: Place, tmp_path: Path) -> None:
    assert overdue.drill_state()[0]
    clock.shift(timedelta(days=9))
    assert not overdue.drill_state()[0]
    assert doctor.Finding("drill", "bad", "no drill yet: telerad drill") in list(doctor.examine(place.house))
    assert drill.drill(place.house, tmp_path / "drill").problems == []
    assert overdue.drill_state()[0]
    clock.shift(timedelta(days=9))
    assert not overdue.drill_state()[0] and not overdue.backup_state()[0]


def test_operators_see_in_red_what_is_overdue_and_nobody_else_does(place: Place, tmp_path: Path) -> None:
    operator = place.world.h_admin
    with all_tenants(write=True) as session:
        session.get_one(Account, operator.account.id).platform_role = OPERATOR

    def said(member: Member, path: str) -> list[str]:
        """In a context without the place's own, as a request comes."""
        page = Context().run(lambda: Desk(member).client.get(path).get_data(as_text=True))
        return re.findall(r'<div class="note error strip" role="alert">.*?</div>', page)

    assert drill.drill(place.house, tmp_path / "drill").problems == []
    create.create(place.house, tmp_path / "backup", Vault())
    clock.shift(timedelta(days=7))
    assert said(operator, "/") == []
    clock.shift(timedelta(days=2))
    backup, drilled = said(operator, "/")
    assert "8 天内没有完整的备份" in backup and "最近一次" in backup and "telerad backup create" in backup
    assert "8 天内没有通过恢复演练" in drilled and "telerad drill" in drilled
    assert said(operator, "/admin/plugins") == [backup, drilled]
    assert said(operator, f"/t/{operator.tenant.code}/") == said(place.world.g_admin, "/") == []
    with all_tenants(write=True) as session:
        session.execute(sa.delete(Lease).where(Lease.name == overdue.PASSED))
    assert "从未做过" in said(operator, "/")[1]


def test_a_drill_without_room_for_two_copies_is_refused(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000, "total": 10**12}))
    with pytest.raises(BackupRefused) as refused:
        drill.drill(place.house, tmp_path / "drill")
    assert "no room" in str(refused.value.sentence)
    assert FILES not in [p.name for p in tmp_path.iterdir()]
