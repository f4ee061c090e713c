"""The running product, its processes killed at random under load: nothing that was acknowledged is lost or doubled."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.faults.kill_loop import run

LONG = os.environ.get("TELERAD_FAULTS") == "long"
KILLS = int(os.environ.get("TELERAD_FAULTS_KILLS", "110" if LONG else "4"))
OBJECTS = int(os.environ.get("TELERAD_FAULTS_OBJECTS", "5000" if LONG else "100"))
SEED = int(os.environ.get("TELERAD_FAULTS_SEED", random.SystemRandom().randrange(10**6)))
pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


@pytest.fixture
def postgresql() -> Iterator[str]:
    with postgres.running(durable=True) as url:
        yield url


def check(said: dict[str, Any]) -> None:
    print(said)
    assert said["broken_count"] == 0, said
    assert said["killed"] >= KILLS and said["acknowledged"] >= OBJECTS, said


def test_killed_processes_over_sqlite_break_no_promise(tmp_path: Path) -> None:
    check(run(tmp_path, kills=KILLS, objects=OBJECTS, database="", seed=SEED))


@pytest.mark.long
def test_killed_processes_over_postgresql_with_two_of_each_break_no_promise(tmp_path: Path, postgresql: str) -> None:
    check(run(tmp_path, kills=KILLS, objects=OBJECTS, database=postgresql, seed=SEED))
