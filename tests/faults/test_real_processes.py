"""Real processes and a real queue: what is lost when they go is seconds."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy as sa

from core import config
from core.app import TeleradFlask, create_app
from core.host.house import Application
from core.run import migrate
from core.tenancy import actions as tenancy
from core.tenancy.sessions import all_tenants
from core.work import jobs, outbox
from core.work.models import Delivery, Job, Notice, Outbox
from plugin_sdk.db import db as flask_db
from plugin_sdk.events import StudyReceived
from tests.conftest import make_member
from tests.faults.parts import House, answers, kill
from tests.faults.story import Probe

LONG = os.environ.get("TELERAD_FAULTS") == "long"
EVENTS = int(os.environ.get("TELERAD_FAULTS_EVENTS", "10000" if LONG else "200"))
MINUTES_5 = 300.0
pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


class Place:
    """A house of one hospital whose worker and clock carry the probe."""

    def __init__(self, folder: Path, *, webs: int = 0, workers: int = 1) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.app: TeleradFlask = create_app(config.load({}, data=self.data), extra=(Probe,))
        with self.app.app_context():
            migrate.upgrade(self.app.house)
            with all_tenants(write=True) as db:
                hospital = tenancy.create(db, self.app.house, code="H00001", kind="hospital", name="医院")
                hospital.plugins = {**hospital.plugins, "probe": "on"}
            self.member = make_member(self.app, hospital, "technician", "技师")
            self.tenant = hospital.id
            flask_db.engine.dispose()
        self.house = House(self.data, webs=webs, workers=workers)
        for part in self.house.parts:
            kind = part.name.rstrip("0123456789")
            if kind in ("worker", "clock"):
                part.command = [sys.executable, "-m", "tests.faults.part", kind]
        self.house.env["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent.parent)

    def emit(self, number: int) -> None:
        with self.app.app_context(), all_tenants(write=True) as db:
            for n in range(number):
                outbox.emit(db, self.app.house.plugins.house, StudyReceived(
                    tenant_id=self.tenant, study_id=n, source_id=None, stored=1, duplicate=0, held=0))

    def ask(self, statement: Any) -> Any:
        with self.app.app_context(), all_tenants() as db:
            return db.execute(statement).all()

    def told(self, kind: str) -> dict[str, int]:
        return dict(self.ask(sa.select(Notice.ref, sa.func.count()).where(Notice.kind == kind).group_by(Notice.ref)))

    def number(self, kind: str) -> int:
        return int(self.ask(sa.select(sa.func.count()).select_from(Notice).where(Notice.kind == kind))[0][0])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    made: list[Place] = []

    def make(**given: Any) -> Place:
        made.append(Place(tmp_path, **given))
        return made[-1]

    yield make
    for it in made:
        for part in it.house.parts:
            for pid in it.house.pids(part.name):
                kill(pid, signal.SIGCONT)
        it.house.stop()
        with it.app.app_context():
            flask_db.engine.dispose()


def until(seconds: float, true: Callable[[], bool]) -> float:
    """Wait for something. :return: seconds it took"""
    started = time.monotonic()
    while not true():
        assert time.monotonic() - started < seconds, f"not within {seconds} s"
        time.sleep(0.2)
    return time.monotonic() - started


def test_a_queue_that_is_emptied_and_killed_again_and_again_loses_nothing(
    place: Callable[..., Place], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every event has a listener, its listener sets a timer, the timer queues a job, the job tells: each once."""
    at = place()
    at.emit(EVENTS)
    started = time.monotonic()
    at.house.start()
    for part in (0.1, 0.4, 0.7):
        until(MINUTES_5, lambda part=part: at.number("probe.heard") >= part * EVENTS)
        try:
            jobs.connect(f"unix://{at.data}/valkey.sock").flushall()
        except redis.exceptions.RedisError:
            continue                                            # it is down from the last time: as empty as can be
        kill(at.house.part("valkey").process.pid)
    until(2 * MINUTES_5, lambda: at.number("probe.later") >= EVENTS)
    took = time.monotonic() - started
    with capsys.disabled():
        print(f"\n{EVENTS} events, timers and jobs, queue emptied and killed 3 times: all done in {took:.0f} s")
    assert not LONG or took < MINUTES_5
    events = {e for e, in at.ask(sa.select(Outbox.event_id))}
    assert at.told("probe.heard") == {f"probe:event:{e}": 1 for e in events}
    assert at.told("probe.later") == {f"probe:timer:{e}": 1 for e in events}
    assert {s for s, in at.ask(sa.select(Delivery.state).distinct())} == {"done"}


def running(at: Place) -> bool:
    return bool(at.ask(sa.select(Job.id).where(Job.name == "probe.later", Job.state == "running")))


def enqueue(house: Application, at: Place) -> None:
    with at.app.app_context(), house.system_ctx(at.tenant) as ctx:
        ctx.enqueue("probe.later", event="one", user=at.member.account.id)


def test_the_job_of_a_killed_worker_is_done_by_another_within_90_seconds(
    place: Callable[..., Place], capsys: pytest.CaptureFixture[str]
) -> None:
    at = place()
    at.house.part("worker0").extra["TELERAD_FAULT"] = "job.handled:hang:1"
    at.house.start()
    enqueue(at.app.house, at)
    until(60, lambda: running(at))
    for pid in at.house.pids("worker0"):
        kill(pid)
    took = until(180, lambda: at.number("probe.later") == 1)
    with capsys.disabled():
        print(f"\njob of a killed worker done after {took:.0f} s")
    assert took < 90


@pytest.mark.long
def test_a_worker_that_was_stopped_and_wakes_writes_nothing(place: Callable[..., Place]) -> None:
    """Stopped with the job taken and nothing written yet: one stopped while it writes holds SQLite's only write lock."""
    at = place(workers=2)
    for name in ("worker0", "worker1"):
        at.house.part(name).extra["TELERAD_FAULT"] = "job.taken:hang:1:8"
    at.house.start()
    enqueue(at.app.house, at)
    until(60, lambda: running(at))
    time.sleep(1)
    asleep = max((at.house.pids(n) for n in ("worker0", "worker1")), key=len)
    for pid in asleep:
        kill(pid, signal.SIGSTOP)
    until(120, lambda: at.number("probe.later") == 1)
    for pid in reversed(asleep):
        kill(pid, signal.SIGCONT)
    until(60, lambda: b"job was taken over" in (at.data / "parts.log").read_bytes())
    assert at.told("probe.later") == {"probe:timer:one": 1}


def test_a_killed_web_process_answers_again_soon(
    place: Callable[..., Place], capsys: pytest.CaptureFixture[str]
) -> None:
    """The figure to reach is 10 s; a start on the same machine at the same time stands beside it."""
    at = place(webs=1)
    started = time.monotonic()
    at.house.start()
    cold = time.monotonic() - started
    port, found = at.house.ports[0], []
    for _ in range(3 if LONG else 1):
        for pid in at.house.pids("web0"):
            kill(pid)
        started = time.monotonic()
        until(30, lambda: not answers(port, 0.05))
        assert answers(port, 120)
        found.append(time.monotonic() - started)
    with capsys.disabled():
        print(f"\nweb answers again after {', '.join(f'{s:.1f}' for s in found)} s; first start of all parts {cold:.1f} s")
    assert min(found) < max(10.0, 2 * cold)
