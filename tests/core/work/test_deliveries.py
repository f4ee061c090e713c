"""Events reach each listener at least once, alone, and what gives up is seen, said and can be tried again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from core import clock
from core.accounts.models import Account
from core.app import TeleradFlask
from core.cli import commands
from core.tenancy.sessions import all_tenants
from core.work import actions, deliver, outbox, runner, turns
from core.work.models import Delivery, Outbox
from plugin_sdk.errors import NotFound, PluginUnavailable
from plugin_sdk.types import Ctx
from tests.conftest import World
from tests.core.work import stage
from tests.core.work.stage import BrokenProbe, Probe

HEARD = f"{stage.HERE}:heard"


@pytest.fixture
def probe(app: TeleradFlask, world: World) -> Iterator[TeleradFlask]:
    """The house with the probe, on at the world's hospital."""
    made = stage.house_with(app, Probe)
    stage.forget(made)
    stage.switch(made, world.hospital, "on")
    with app.app_context(), all_tenants(write=True) as db:  # operators of other tests would be told too
        db.execute(sa.update(Account).where(Account.platform_role == "operator").values(platform_role=""))
    yield made
    stage.forget(made)


def drain(app: TeleradFlask) -> None:
    with app.app_context():
        runner.drain(app.house)


def fail(ctx: Ctx) -> None:
    raise RuntimeError("planted")


def test_one_listener_that_fails_is_tried_again_alone_and_later(probe: TeleradFlask, world: World) -> None:
    stage.doing["bad"] = fail
    stage.emit(probe, world.hospital, "bad", "good")
    drain(probe)
    assert stage.deliveries(probe, world.hospital) == [(HEARD, "waiting", 1, "RuntimeError"), (HEARD, "done", 0, "")]
    drain(probe)
    assert stage.ran == [(world.hospital.code, "bad"), (world.hospital.code, "good")]
    clock.shift(timedelta(seconds=3))
    del stage.doing["bad"]
    drain(probe)
    assert stage.deliveries(probe, world.hospital) == [(HEARD, "done", 1, ""), (HEARD, "done", 0, "")]


def test_what_fails_twelve_times_is_parked_said_listed_and_can_be_tried_again(
    probe: TeleradFlask, world: World
) -> None:
    stage.doing["bad"] = fail
    stage.emit(probe, world.hospital, "bad")
    for _ in range(12):
        drain(probe)
        clock.shift(timedelta(hours=2))
    assert stage.deliveries(probe, world.hospital) == [(HEARD, "parked", 12, "RuntimeError")]
    assert len(stage.ran) == 12
    drain(probe)
    assert len(stage.ran) == 12
    assert stage.notices_of(probe, world.hospital, "delivery.parked") == [world.h_admin.account.id]
    with probe.app_context(), all_tenants() as db:
        line, = actions.given_up(db, tenant_id=world.hospital.id)
    assert (line.state, line.tries, line.err, line.what) == ("parked", 12, "RuntimeError", f"PluginChanged {HEARD}")
    del stage.doing["bad"]
    with probe.app_context(), all_tenants(write=True) as db, pytest.raises(NotFound):
        actions.retry(db, line.ref, tenant_id=world.group.id)
    with probe.app_context(), all_tenants(write=True) as db:
        actions.retry(db, line.ref, tenant_id=world.hospital.id)
    drain(probe)
    assert stage.deliveries(probe, world.hospital) == [(HEARD, "done", 0, "")]
    assert stage.notices_of(probe, world.hospital, "delivery.parked") == []


def test_the_operator_of_the_platform_is_told_too(probe: TeleradFlask, world: World) -> None:
    from core.accounts import actions as accounts

    with probe.app_context(), all_tenants(write=True) as db:
        operator = accounts.create(db, phone=f"138{world.hospital.id:08d}", name="运维", password="Secret2026$", must_change=False)
        operator.platform_role = "operator"
        operator_id = operator.id
    try:
        stage.doing["bad"] = fail
        stage.emit(probe, world.hospital, "bad")
        for _ in range(12):
            drain(probe)
            clock.shift(timedelta(hours=2))
        assert operator_id in stage.notices_of(probe, world.hospital, "delivery.parked")
    finally:
        with probe.app_context(), all_tenants(write=True) as db:
            db.merge(operator).platform_role = ""


def test_the_waits_between_tries_grow_and_are_spread(probe: TeleradFlask, world: World) -> None:
    stage.doing["bad"] = fail
    stage.emit(probe, world.hospital, *["bad"] * 8)
    waits: list[list[float]] = []
    for _ in range(4):
        drain(probe)
        with stage.rows(probe) as db:
            waits.append([
                (at - clock.now()).total_seconds()
                for at in db.scalars(sa.select(Delivery.next_at).where(Delivery.tenant_id == world.hospital.id))
            ])
        clock.shift(timedelta(minutes=1))
    assert all(max(found) <= most for found, most in zip(waits, (2, 4, 8, 16), strict=True))
    assert len({round(w, 2) for w in waits[3]}) > 4


def test_an_event_for_a_plugin_that_is_on_but_did_not_start_waits_until_it_has(app: TeleradFlask, world: World) -> None:
    broken, mended = stage.house_with(app, BrokenProbe), stage.house_with(app, Probe)
    stage.forget(broken)
    stage.switch(broken, world.hospital, "on")
    stage.emit(broken, world.hospital, "while broken")
    stage.emit(broken, world.group, "not on here")
    for _ in range(20):
        drain(broken)
        clock.shift(timedelta(minutes=1))
    assert stage.deliveries(broken, world.hospital) == [("probe:*", "waiting", 0, "PluginUnavailable")]
    assert stage.deliveries(broken, world.group) == []
    drain(mended)
    assert stage.ran == [(world.hospital.code, "while broken")]
    assert stage.deliveries(mended, world.hospital) == [("probe:*", "done", 0, ""), (HEARD, "done", 0, "")]
    stage.forget(mended)


def test_a_delivery_that_was_written_before_the_plugin_broke_waits_too(app: TeleradFlask, world: World) -> None:
    broken, mended = stage.house_with(app, BrokenProbe), stage.house_with(app, Probe)
    stage.forget(mended)
    stage.switch(mended, world.hospital, "on")
    stage.emit(mended, world.hospital, "before")
    stage.enqueue(mended, world.hospital, "job before")
    drain(broken)
    assert stage.deliveries(broken, world.hospital) == [(HEARD, "waiting", 0, "PluginUnavailable")]
    assert stage.jobs_of(broken, world.hospital) == [("queued", 0, "")]
    clock.shift(timedelta(minutes=2))
    drain(mended)
    assert sorted(stage.ran) == [(world.hospital.code, "before"), (world.hospital.code, "job before")]
    stage.forget(mended)


def test_a_listener_whose_provider_did_not_start_waits_without_counting(probe: TeleradFlask, world: World) -> None:
    def unavailable(ctx: Ctx) -> None:
        raise PluginUnavailable(plugin="billing")

    stage.doing["later"] = unavailable
    stage.emit(probe, world.hospital, "later")
    for _ in range(15):
        drain(probe)
        clock.shift(timedelta(minutes=1))
    assert stage.deliveries(probe, world.hospital) == [(HEARD, "waiting", 0, "PluginUnavailable")]


def test_what_is_off_hears_nothing_and_owes_nothing(probe: TeleradFlask, world: World) -> None:
    stage.switch(probe, world.hospital, None)
    stage.emit(probe, world.hospital, "quiet")
    drain(probe)
    assert (stage.deliveries(probe, world.hospital), stage.ran) == ([(HEARD, "done", 0, "")], [])


def test_an_event_that_this_release_does_not_know_is_not_called_delivered(probe: TeleradFlask, world: World) -> None:
    stage.emit(probe, world.hospital, "x")
    with probe.app_context(), all_tenants(write=True) as db:
        db.execute(sa.update(Outbox).where(Outbox.kind == "PluginChanged").values(kind="FromTheFuture"))
    drain(probe)
    assert stage.deliveries(probe, world.hospital) == [(HEARD, "waiting", 1, "UnknownEvent")]
    with probe.app_context(), all_tenants(write=True) as db:
        db.execute(sa.delete(Outbox).where(Outbox.kind == "FromTheFuture"))


def test_who_lost_a_delivery_writes_nothing_of_it(probe: TeleradFlask, world: World) -> None:
    stage.emit(probe, world.hospital, "slow")

    def sleep_while_another_does_it(ctx: Ctx) -> None:
        del stage.doing["slow"]
        clock.shift(timedelta(minutes=2))
        with all_tenants(write=True) as db:
            turn, = turns.next_deliveries(db, 20)
        deliver._deliver(probe.house, turn)

    def write(ctx: Ctx) -> None:
        sleep_while_another_does_it(ctx)
        ctx.notify("probe.heard", users=[world.h_admin.account.id], ref="probe:x:late")

    stage.doing["slow"] = write
    drain(probe)
    assert stage.deliveries(probe, world.hospital) == [(HEARD, "done", 0, "")]
    assert len(stage.ran) == 2
    assert stage.notices_of(probe, world.hospital, "probe.heard") == []


def test_a_sweep_keeps_events_that_somebody_has_not_heard(probe: TeleradFlask, world: World) -> None:
    from core.work.sweep import sweep

    stage.doing["bad"] = fail
    stage.emit(probe, world.hospital, "bad", "good")
    drain(probe)
    clock.shift(timedelta(days=31))
    with probe.app_context():
        sweep(probe.house)
    assert [state for _, state, _, _ in stage.deliveries(probe, world.hospital)] == ["waiting"]


def test_no_tenant_gets_more_than_its_part_of_a_batch_of_deliveries(probe: TeleradFlask, world: World) -> None:
    stage.emit(probe, world.hospital, *["noisy"] * 100)
    stage.emit(probe, world.group, "quiet")
    stage.switch(probe, world.group, "on")
    with probe.app_context(), all_tenants(write=True) as db:
        taken = turns.next_deliveries(db, 20)
        ids = [t.id for t in taken]
        mine = list(db.scalars(sa.select(Delivery.tenant_id).where(Delivery.id.in_(ids))))
    assert (mine.count(world.group.id), mine.count(world.hospital.id)) == (1, 10)


def test_the_command_lists_what_gave_up_and_lets_it_try_again(
    probe: TeleradFlask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELERAD_DATA", str(probe.house.config.data))
    monkeypatch.setenv("TELERAD_DATABASE_URL", probe.house.config.database_url)
    stage.emit(probe, world.hospital, "bad")
    with probe.app_context(), all_tenants(write=True) as db:
        db.execute(
            sa.update(Delivery).where(Delivery.tenant_id == world.hospital.id, Delivery.plugin == "probe")
            .values(state="parked", tries=outbox.TRIES, err="RuntimeError")
        )
    listed = CliRunner().invoke(commands(), ["work", "list", "--tenant", world.hospital.code])
    assert listed.exit_code == 0 and listed.output.count("parked") == 1
    ref = listed.output.split()[0]
    assert CliRunner().invoke(commands(), ["work", "retry", ref]).output == f"{ref}\n"
    assert stage.deliveries(probe, world.hospital) == [(HEARD, "waiting", 0, "")]
    assert CliRunner().invoke(commands(), ["work", "retry"]).exit_code == 2


def test_a_listener_that_hangs_stops_nobody_elses_delivery(
    probe: TeleradFlask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "SECONDS", 0.3)
    stage.doing["bad"] = lambda _: time.sleep(2)
    stage.emit(probe, world.hospital, "bad", "good")
    started = time.monotonic()
    drain(probe)
    assert time.monotonic() - started < 2
    assert stage.deliveries(probe, world.hospital) == [(HEARD, "waiting", 1, "Hung"), (HEARD, "done", 0, "")]
