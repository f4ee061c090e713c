"""A clock that somebody sets: nothing is lost, nothing waits for the old time to come again, nothing is signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from core import clock
from core.app import TeleradFlask
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from core.work import clockwork, cron, runner, turns
from core.work.models import Delivery, Job
from tests.conftest import World
from tests.core.work import stage
from tests.core.work.stage import Probe
from tests.plugins.consultation.test_main_job import WORDS, ask, step

JUMPS = [timedelta(hours=1), timedelta(hours=-1), timedelta(days=1), timedelta(days=-1)]


@pytest.fixture
def probe(app: TeleradFlask, world: World) -> Iterator[TeleradFlask]:
    made = stage.house_with(app, Probe)
    stage.forget(made)
    stage.switch(made, world.hospital, "on")
    yield made
    stage.forget(made)


@pytest.mark.parametrize("by", JUMPS)
def test_work_written_before_a_jump_is_done_at_once_after_it(probe: TeleradFlask, world: World, by: timedelta) -> None:
    stage.emit(probe, world.hospital, "event")
    stage.enqueue(probe, world.hospital, "job")
    clock.jump(by)
    with probe.app_context():
        runner.drain(probe.house)
    assert sorted(w for _, w in stage.ran) == ["event", "job"]


@pytest.mark.parametrize("by", JUMPS)
def test_a_lease_of_a_dead_worker_is_free_within_two_minutes_whatever_the_clock_did(
    probe: TeleradFlask, world: World, by: timedelta
) -> None:
    stage.emit(probe, world.hospital, "event")
    stage.enqueue(probe, world.hospital, "job")
    with probe.app_context(), all_tenants(write=True) as db:
        assert turns.next_job(db, ["probe.job"]) is not None
        assert len(turns.next_deliveries(db, 20)) == 1
    clock.jump(by)
    clock.shift(timedelta(seconds=121))
    with probe.app_context():
        runner.drain(probe.house)
    assert sorted(w for _, w in stage.ran) == ["event", "job"]


@pytest.mark.parametrize("by", JUMPS)
def test_the_lease_of_the_clock_process_passes_on_within_a_minute(app: TeleradFlask, by: timedelta) -> None:
    name = f"clock-test:{by}"
    with app.app_context():
        assert clockwork.hold(name, "dead")
        assert not clockwork.hold(name, "living")
        clock.jump(by)
        clock.shift(timedelta(seconds=61))
        assert clockwork.hold(name, "living")


def test_a_wait_between_tries_that_a_wrong_clock_wrote_is_no_wait(probe: TeleradFlask, world: World) -> None:
    stage.emit(probe, world.hospital, "event")
    stage.enqueue(probe, world.hospital, "job")
    later = clock.now() + timedelta(days=1)
    with probe.app_context(), all_tenants(write=True) as db:
        for table in (Job, Delivery):
            db.execute(
                sa.update(table).where(table.tenant_id == world.hospital.id, table.next_at > clock.now() - timedelta(minutes=1))
                .values(tries=1, err="X", next_at=later)
            )
    with probe.app_context():
        runner.drain(probe.house)
    assert sorted(w for _, w in stage.ran) == ["event", "job"]


def test_no_report_is_signed_while_the_clock_is_wrong(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    step(world.reader, request, "open")
    step(world.reader, request, "send_to_review", **WORDS)
    seen = step(world.reviewer, request, "start_review")
    clock.jump(timedelta(minutes=2))
    refused = world.reviewer.call("POST", f"/requests/{request['id']}/approve", {"version": seen["version"]})
    assert (refused.status_code, refused.get_json()["detail"]) == (503, "系统时间异常，暂不能签发，请联系管理员")
    clock.jump(timedelta(minutes=-2))
    assert step(world.reviewer, request, "approve")["state"] == "APPROVED"


def test_a_jump_is_logged_once(app: TeleradFlask, caplog: pytest.LogCaptureFixture) -> None:
    with app.app_context():
        assert clockwork.watch() is False
        clock.jump(timedelta(seconds=-90))
        assert clockwork.watch() is True
        assert clockwork.watch(True) is True
    assert [r.message for r in caplog.records].count("wall clock jumped, nothing is signed") == 1


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


LATEST = [
    ("17 * * * *", "2026-11-25 10:17", "2026-11-25 10:17"),
    ("17 * * * *", "2026-11-25 10:16", "2026-11-25 09:17"),
    ("40 3 * * *", "2026-12-01 00:05", "2026-11-30 03:40"),
    ("0 0 1 * *", "2026-03-01 00:00", "2026-03-01 00:00"),
    ("0 0 1 * *", "2026-03-02 00:01", "2026-03-01 00:00"),
    ("10 4 1 * *", "2026-12-01 04:09", "2026-11-01 04:10"),
    ("0 0 31 12 *", "2026-11-25 00:00", None),
    ("*/10 * * * *", "2026-11-25 10:09", "2026-11-25 10:00"),
    ("0 4 * * 0", "2026-11-29 04:30", "2026-11-29 04:00"),
]


@pytest.mark.parametrize(("spec", "now", "expected"), LATEST)
def test_the_latest_time_of_a_cron_is_found_over_day_and_month_ends(spec: str, now: str, expected: str | None) -> None:
    assert cron.latest(spec, at(now)) == (at(expected) if expected else None)


def story(spec: str, *nows: str) -> list[str]:
    """At which of these minutes a cron runs, one after the other."""
    ran, found = at("2026-11-24 12:00"), []
    for now in nows:
        slot = cron.latest(spec, at(now))
        if slot is not None and cron.is_new(slot, at(now), ran):
            ran = slot
            found.append(now[-5:])
    return found


def test_a_cron_never_runs_twice_in_its_minute_nor_when_the_clock_is_set_back_over_it() -> None:
    assert story("17 * * * *", "2026-11-25 10:17", "2026-11-25 10:17", "2026-11-25 10:18", "2026-11-25 10:10",
                 "2026-11-25 10:17") == ["10:17"]


def test_a_cron_that_was_missed_is_made_up_for_once() -> None:
    assert story("40 3 * * *", "2026-11-25 03:00", "2026-11-25 05:00", "2026-11-25 05:01") == ["05:00"]
    assert story("10 4 1 * *", "2026-11-30 23:00", "2026-12-04 09:00", "2026-12-04 09:01") == ["09:00"]


def test_a_cron_does_not_wait_for_a_time_that_was_set_back_to_come_again() -> None:
    assert story("* * * * *", "2026-11-25 10:30", "2026-11-25 09:30", "2026-11-25 09:31", "2026-11-25 09:31") == [
        "10:30", "09:30", "09:31"
    ]


def test_a_day_forward_and_back_runs_a_daily_cron_once_for_each_day_it_saw() -> None:
    assert story("40 3 * * *", "2026-11-25 12:00", "2026-11-26 12:00", "2026-11-25 12:00", "2026-11-26 03:40",
                 "2026-11-27 03:40") == ["12:00", "12:00", "03:40"]


def test_a_zone_that_changes_its_hour_moves_no_cron_and_no_timer(probe: TeleradFlask, world: World) -> None:
    """Clocks in Europe went back at 01:00 UTC on 2026-10-25: 02:30 local came twice, the instants did not."""
    assert story("30 0 * * *", "2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 02:30") == ["00:30"]
    assert clock.local(at("2026-10-25 00:30"), "Europe/Berlin").hour == clock.local(at("2026-10-25 01:30"), "Europe/Berlin").hour
    with probe.app_context(), probe.house.system_ctx(world.hospital.id) as ctx:
        ctx.at_time(clock.now() + timedelta(hours=1), "probe.job", key="probe:dst", word="timed")
    with probe.app_context():
        runner.drain(probe.house)
        assert stage.ran == []
        clock.shift(timedelta(hours=1, seconds=1))
        runner.drain(probe.house)
        runner.drain(probe.house)
    assert stage.ran == [(world.hospital.code, "timed")]


def test_each_cron_job_is_queued_once_a_minute_however_often_it_is_looked_at(app: TeleradFlask) -> None:
    with app.app_context():
        cron.queue_due(app.house)
        clock.shift(timedelta(minutes=1))
        before = counts()
        for _ in range(5):
            cron.queue_due(app.house)
        assert counts() - before == 1
        runner.drain(app.house)


def counts() -> int:
    with all_tenants() as db:
        return db.scalar(sa.select(sa.func.count()).select_from(Job).where(Job.name == "consultation.lapse_claims")) or 0
