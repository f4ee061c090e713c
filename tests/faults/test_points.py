"""A process may die, fail or do a thing twice at every named point; nothing that was promised is lost or doubled.

And the other way round: each known defect, built in on purpose, must be reported.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core import config, faults
from tests.faults.controls import CONTROLS

ROOT = Path(__file__).resolve().parent.parent.parent
LONG = os.environ.get("TELERAD_FAULTS") == "long"
pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


def trial(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.trial", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def points_in_the_source() -> set[str]:
    return {
        name
        for part in ("core", "plugins", "plugin_sdk", "transfer")
        for path in (ROOT / part).rglob("*.py")
        for name in re.findall(r'faults\.point\("([^"]+)"\)', path.read_text(encoding="utf-8"))
    }


def test_every_point_is_passed_by_the_story() -> None:
    done = trial("--points")
    assert done.returncode == 0, done.stderr[-2000:]
    assert set(done.stdout.split()) == points_in_the_source()
    assert len(points_in_the_source()) >= 15


def test_a_process_killed_at_any_point_loses_and_doubles_nothing() -> None:
    done = trial()
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.count(": well") == 1 + len(points_in_the_source())


@pytest.mark.long
@pytest.mark.parametrize("kind", ["raise", "EIO", "ENOSPC", "twice"])
def test_a_failure_at_any_point_loses_and_doubles_nothing(kind: str) -> None:
    done = trial("--kind", kind)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


@pytest.mark.long
def test_a_process_killed_when_it_passes_a_point_the_second_time_loses_and_doubles_nothing() -> None:
    done = trial("--nth", "2")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


@pytest.fixture(scope="module")
def reported() -> dict[str, str]:
    """What was found with each known defect built in."""
    done = trial("--controls")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return {name: text for name, _, text in (part.partition("\n") for part in done.stdout.split("control ")[1:])}


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_a_known_defect_is_reported(reported: dict[str, str], name: str) -> None:
    assert re.search(r"^[1-9]\d* problems", reported[name], flags=re.MULTILINE), reported[name]


def test_faults_are_refused_where_people_work(tmp_path: Path) -> None:
    for more in ({"TELERAD_URL": "https://example.org"}, {"TELERAD_PROXIES": "1"}):
        with pytest.raises(config.BadConfig):
            config.load({"TELERAD_FAULT": "ingest.renamed:kill:3", **more}, data=tmp_path)
    with pytest.raises(config.BadConfig):
        config.load({"TELERAD_FAULT": "ingest.renamed:explode"}, data=tmp_path)
    assert config.load({"TELERAD_FAULT": "ingest.renamed:kill:3"}, data=tmp_path).fault == "ingest.renamed:kill:3"


def test_the_nth_pass_counts() -> None:
    faults.arm(faults.read("a:raise:2,b:ENOSPC"))
    try:
        assert faults.point("a") is False
        with pytest.raises(faults.Injected):
            faults.point("a")
        assert faults.point("a") is False
        with pytest.raises(OSError, match="injected at b"):
            faults.point("b")
    finally:
        faults.arm({})
