"""Jobs: fair turns, leases that live by a heartbeat, fences against sleepers, and a failure that is said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from core import clock
from core.app import TeleradFlask
from core.tenancy.sessions import all_tenants
from core.work import heartbeat, jobs, runner, turns
from core.work.models import Job
from core.work.turns import Turn
from plugin_sdk.types import Ctx
from tests.conftest import World
from tests.core.work import stage
from tests.core.work.stage import Probe


@pytest.fixture
def probe(app: TeleradFlask, world: World) -> Iterator[TeleradFlask]:
    made = stage.house_with(app, Probe)
    stage.forget(made)
    stage.switch(made, world.hospital, "on")
    stage.switch(made, world.group, "on")
    yield made
    stage.forget(made)


def take(app: TeleradFlask) -> Turn:
    with app.app_context(), all_tenants(write=True) as db:
        turn = turns.next_job(db, ["probe.job"])
    assert turn is not None
    return turn


def run(app: TeleradFlask, turn: Turn) -> None:
    with app.app_context():
        with all_tenants() as db:
            row = db.get_one(Job, turn.id)
        runner.run_job(app.house, turn, row)


def owner(app: TeleradFlask, turn: Turn) -> int | None:
    with stage.rows(app) as db:
        return db.get_one(Job, turn.id).tenant_id


@pytest.mark.parametrize("slots", [2, 4, 8])
def test_no_tenant_takes_more_than_half_of_the_slots_while_another_waits(
    probe: TeleradFlask, world: World, slots: int
) -> None:
    stage.enqueue(probe, world.hospital, *["noisy"] * 40)
    stage.enqueue(probe, world.group, *["quiet"] * 10)
    taken = [owner(probe, take(probe)) for _ in range(slots)]
    assert taken.count(world.hospital.id) == slots // 2


def test_a_single_worker_serves_tenants_in_turn(probe: TeleradFlask, world: World, make_world: Callable[..., World]) -> None:
    third = make_world()
    stage.switch(probe, third.hospital, "on")
    stage.enqueue(probe, world.hospital, *["noisy"] * 30)
    stage.enqueue(probe, world.group, "a", "b")
    stage.enqueue(probe, third.hospital, "c", "d")
    with probe.app_context():
        for _ in range(6):
            assert runner.run_next(probe.house)
    codes = [code for code, _ in stage.ran]
    assert {codes.count(t.code) for t in (world.hospital, world.group, third.hospital)} == {2}


def test_alone_a_tenant_may_use_every_slot(probe: TeleradFlask, world: World) -> None:
    stage.enqueue(probe, world.hospital, *["only"] * 4)
    assert [owner(probe, take(probe)) for _ in range(4)] == [world.hospital.id] * 4


def test_a_worker_that_died_gives_its_job_free_after_a_minute(probe: TeleradFlask, world: World) -> None:
    stage.enqueue(probe, world.hospital, "orphan")
    first = take(probe)
    with probe.app_context(), all_tenants(write=True) as db:
        assert turns.next_job(db, ["probe.job"]) is None
    clock.shift(timedelta(seconds=61))
    second = take(probe)
    assert (second.id, second.fence > first.fence) == (first.id, True)


def test_a_lease_is_renewed_while_the_job_runs(
    probe: TeleradFlask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT", 0.05)
    stage.enqueue(probe, world.hospital, "long")
    turn, seen = take(probe), threading.Event()

    def long(ctx: Ctx) -> None:
        clock.shift(timedelta(seconds=50))
        for _ in range(100):
            with stage.rows(probe) as db:
                if db.get_one(Job, turn.id).lease_until > clock.now() + timedelta(seconds=45):
                    seen.set()
                    return
            threading.Event().wait(0.05)

    stage.doing["long"] = long
    run(probe, turn)
    assert seen.is_set()
    assert stage.jobs_of(probe, world.hospital) == [("done", 1, "")]


def test_a_sleeper_that_wakes_writes_nothing_after_another_took_over(probe: TeleradFlask, world: World) -> None:
    stage.enqueue(probe, world.hospital, "sleep")
    turn = take(probe)

    def sleep(ctx: Ctx) -> None:
        del stage.doing["sleep"]
        clock.shift(timedelta(seconds=90))
        run(probe, take(probe))                                    # another worker does it, to the end
        ctx.notify("probe.heard", users=[world.h_admin.account.id], ref="probe:x:sleeper")

    stage.doing["sleep"] = sleep
    run(probe, turn)
    assert stage.jobs_of(probe, world.hospital) == [("done", 2, "")]
    assert stage.notices_of(probe, world.hospital, "probe.heard") == []


def test_a_sleeper_that_fails_does_not_undo_what_another_did(probe: TeleradFlask, world: World) -> None:
    stage.enqueue(probe, world.hospital, "sleep")
    turn = take(probe)

    def sleep(ctx: Ctx) -> None:
        del stage.doing["sleep"]
        clock.shift(timedelta(seconds=90))
        run(probe, take(probe))
        raise RuntimeError("woke up in a bad mood")

    stage.doing["sleep"] = sleep
    run(probe, turn)
    assert stage.jobs_of(probe, world.hospital) == [("done", 2, "")]


def test_a_job_that_fails_for_good_is_said_to_who_started_it(probe: TeleradFlask, world: World) -> None:
    def fail(ctx: Ctx) -> None:
        raise RuntimeError("planted")

    stage.doing["bad"] = fail
    stage.enqueue(probe, world.hospital, "bad", by=world.doctor.account.id)
    with probe.app_context():
        for _ in range(jobs.TRIES):
            runner.drain(probe.house)
            clock.shift(timedelta(minutes=10))
    assert stage.jobs_of(probe, world.hospital) == [("failed", 8, "RuntimeError")]
    assert stage.notices_of(probe, world.hospital, "job.failed") == [world.doctor.account.id]


def test_a_timer_whose_plugin_did_not_start_harms_no_other_timer(app: TeleradFlask, world: World) -> None:
    broken, mended = stage.house_with(app, stage.BrokenProbe), stage.house_with(app, Probe)
    stage.forget(mended)
    stage.switch(mended, world.hospital, "on")
    with mended.app_context(), mended.house.system_ctx(world.hospital.id) as ctx:
        ctx.at_time(clock.now(), "probe.job", key="probe:x", word="timed")
    with broken.app_context():
        assert runner.fire_timers(broken.house) == 1
        runner.drain(broken.house)
    assert stage.jobs_of(mended, world.hospital) == [("queued", 0, "")]
    with mended.app_context():
        runner.drain(mended.house)
    assert stage.ran == [(world.hospital.code, "timed")]
    stage.forget(mended)


@pytest.mark.sqlite
def test_who_was_served_last_is_found_by_an_index(probe: TeleradFlask, world: World) -> None:
    with probe.app_context(), all_tenants() as db:
        last = sa.select(sa.func.max(Job.fence)).where(Job.tenant_id == 1)
        plan = db.execute(sa.text(f"EXPLAIN QUERY PLAN {last.compile(compile_kwargs={'literal_binds': True})}")).all()
    assert "ix_job_turn" in str(plan)


def test_the_houses_own_jobs_run_one_at_a_time_and_leave_a_worker_for_images(probe: TeleradFlask, world: World) -> None:
    with probe.app_context(), all_tenants(write=True) as db:
        for _ in range(2):
            jobs.queue_row(db, "probe.job", tenant_id=None, args={"word": "long"})
    first = take(probe)
    assert owner(probe, first) is None
    with probe.app_context(), all_tenants(write=True) as db:
        assert turns.next_job(db, ["probe.job"]) is None
    stage.enqueue(probe, world.hospital, "image")
    assert owner(probe, take(probe)) == world.hospital.id
    with probe.app_context(), all_tenants(write=True) as db:
        db.execute(sa.update(Job).where(Job.id == first.id).values(state="done"))
    assert owner(probe, take(probe)) is None
