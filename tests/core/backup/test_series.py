"""A folder of backups: each new one is based on the newest, and a restore to a time takes the last one made by then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.app import TeleradFlask
from core.backup import record
from core.backup.vault import Vault
from plugin_sdk.db import db
from tests import shell
from tests.core.backup.places import Place, new_database, new_place, open_place, stored
from tests.core.intake.objects import images


@pytest.fixture
def place(app: TeleradFlask, database_url: str, tmp_path: Path) -> Iterator[Place]:
    with new_place(database_url, tmp_path / "house", studies=2) as made:
        db.engine.dispose()
        yield made


def telerad(place: Place, *words: object, url: str = "") -> tuple[int, str, str]:
    return shell.telerad({"TELERAD_DATA": str(place.data), "TELERAD_DATABASE_URL": url or place.url}, *map(str, words))


def test_a_restore_to_a_time_takes_the_last_backup_made_by_then(place: Place, tmp_path: Path) -> None:
    series = tmp_path / "backups"
    status, out, err = telerad(place, "backup", "create", series, "--series")
    assert status == 0 and "4 copied, 0 linked" in out, err
    then = stored()
    place.add(tmp_path / "more", images(26, studies=26)[24:])
    db.engine.dispose()
    (series / "broken-off").mkdir()
    status, out, err = telerad(place, "backup", "create", series, "--series")
    assert status == 0 and "2 copied, 4 linked" in out and "broken-off: unfinished" in err, err
    *_, old, new = sorted(p for p in series.iterdir() if p.name != "broken-off")
    between = (record.read(new, Vault()).at - timedelta(milliseconds=5)).isoformat()
    url = new_database(place.url, tmp_path / "back", "restored")
    status, out, err = telerad(place, "restore", series, "--into", tmp_path / "back", "--at", between, url=url)
    assert status == 0 and f"taken: {old.name}" in out, err
    with open_place(tmp_path / "back", url):
        assert stored() == then


@pytest.mark.parametrize(("at", "code", "said"), [
    ("2020-01-01T00:00", 1, "no backup made by 2020-01-01T00:00:00+00:00"), ("yesterday", 2, "yesterday: no time"),
])
def test_a_time_before_all_backups_or_no_time_at_all_is_said(place: Place, tmp_path: Path, at: str, code: int, said: str) -> None:
    assert telerad(place, "backup", "create", tmp_path / "backups", "--series")[0] == 0
    status, _, err = telerad(place, "restore", tmp_path / "backups", "--into", tmp_path / "back", "--at", at)
    assert status == code and said in err
    assert not (tmp_path / "back").exists()
