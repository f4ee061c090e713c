"""The drill: back up, restore elsewhere, look, compare studies by pixel, say how long it took. A backup that was never
restored is a hope.
"""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core import clock
from core.backup import create, overdue, rehearsal, snapshot
from core.backup.vault import BackupRefused, vault_of
from core.store.blobs import RESERVE
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from core.work.models import Lease
from plugin_sdk.ids import row_id

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
STUDIES = 20


@dataclass
class Drill:
    """What a drill saw. Milliseconds per stage; ``problems`` is empty when it passed."""

    files: int = 0
    bytes: int = 0
    studies: int = 0
    images: int = 0
    ms: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def drill(house: Application, place: Path) -> Drill:
    """Rehearse a loss in an empty folder; what was made there is removed again.

    :raise BackupRefused: no room, the folder is in use, or the backup itself cannot be made
    """
    done, restored, key = Drill(), place / "restored", house.config.backup_key
    _prepare(house, place)
    try:
        with _timed(done, "backup"):
            found = create.create(house, place / "backup", vault_of(key))
        done.files, done.bytes = found.record.files, found.record.bytes
        done.problems += found.problems or []
        with snapshot.spare(house.config.database_url, restored, row_id().lower()) as url:
            env = {**os.environ, "TELERAD_DATA": str(restored), "TELERAD_DATABASE_URL": url, "TELERAD_LOG": "error",
                   "TELERAD_BACKUP_KEY": str(key or "")}
            with _timed(done, "restore"):
                _run(done, [sys.executable, "-m", "core.cli", "restore", str(place / "backup"), "--into", str(restored)], env)
            if not done.problems:
                with _timed(done, "compare"):
                    _compare(house, done, env)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if not done.problems:
        _passed()
    log.info("drill done", extra={"files": done.files, "bytes": done.bytes, "ms": sum(done.ms.values()),
                                  "outcome": "failed" if done.problems else "passed"})
    return done


def weekly(house: Application) -> None:
    """The job. A house whose disk has no room for two copies is left to a command of its own; the doctor tells."""
    place = house.config.data / "drill"
    shutil.rmtree(place, ignore_errors=True)  # ours alone: what a drill that was killed left behind
    try:
        done = drill(house, place)
    except BackupRefused as refused:
        log.error("drill not run", extra={"reason": str(refused.sentence)})
        return
    for problem in done.problems:
        log.error("drill failed", extra={"reason": problem})


def _prepare(house: Application, place: Path) -> None:
    if place.exists() and any(place.iterdir()):
        raise BackupRefused(f"{place}: not empty")
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    used = sum(p.stat().st_size for root in (house.config.blobs, house.config.uploads) for p in root.rglob("*") if p.is_file())
    disk = shutil.disk_usage(place)
    if disk.free < 2.2 * used + create.ROOM + max(RESERVE, disk.total // 20):
        raise BackupRefused(f"{place}: no room for two copies of {used // 1024**2} MB; telerad drill --in FOLDER")


def _compare(house: Application, done: Drill, env: dict[str, str]) -> None:
    with all_tenants() as session:
        ids = list(session.scalars(sa.select(Study.public_id).where(Study.trashed_at.is_(None))))
    chosen = random.sample(ids, min(STUDIES, len(ids)))
    answer = _run(done, [sys.executable, "-m", "core.backup.rehearsal"], env, "\n".join(chosen))
    if done.problems:
        return
    there = json.loads(answer)
    done.problems += there["differences"]
    here = rehearsal.contents(house, list(there["images"]))
    done.problems += [f"{key}: another picture" for key, content in there["images"].items() if here[key] != content or not content]
    done.studies, done.images = len(chosen), len(here)
    if chosen and not here:
        done.problems.append("none of the studies came back")


def _run(done: Drill, command: list[str], env: dict[str, str], text: str = "") -> str:
    said = subprocess.run(command, env=env, input=text, capture_output=True, text=True, check=False)
    if said.returncode:
        done.problems.append((said.stderr.strip().splitlines() or said.stdout.strip().splitlines() or ["no answer"])[-1])
    return said.stdout


@contextmanager
def _timed(done: Drill, stage: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    done.ms[stage] = int((time.monotonic() - started) * 1000)


def _passed() -> None:
    with all_tenants(write=True) as session:
        at = clock.now()
        session.merge(Lease(name=overdue.PASSED, holder="drill", until=at, fence=0, ran_at=at))

