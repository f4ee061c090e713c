"""Plugins that fail, lie or hang: the caller goes on, and what happened is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from core import clock
from core.host import faults, guard
from core.host.guard import Guard, Hung, Rubbish
from core.host.models import PluginFault
from core.tenancy.sessions import all_tenants, nobody
from core.work.models import Notice
from plugin_sdk.errors import NotFound
from tests.conftest import World


@pytest.fixture
def run() -> Guard:
    return Guard()


def forever() -> None:
    while True:
        pass


def test_the_answer_and_the_error_come_back_as_they_are(run: Guard) -> None:
    assert run.run("acme", "price", lambda a, b: a + b, 2, 3) == 5
    with pytest.raises(ZeroDivisionError):
        run.run("acme", "price", lambda: 1 / 0)


def test_context_variables_of_the_request_reach_the_plugin(app: Any, run: Guard) -> None:
    from flask import request

    with app.test_request_context("/t/H1/studies"):
        assert run.run("acme", "slot home.panel", lambda: request.path) == "/t/H1/studies"


def test_a_call_that_computes_for_ever_is_left_behind_and_its_thread_ends(run: Guard) -> None:
    seen: list[threading.Thread] = []

    def hang() -> None:
        seen.append(threading.current_thread())
        forever()

    with pytest.raises(Hung):
        run.run("acme", "check_report", hang, seconds=0.2)
    seen[0].join(timeout=5)
    assert not seen[0].is_alive()
    assert run.run("acme", "check_report", lambda: "again") == "again"


def test_a_plugin_that_hung_three_times_is_not_asked_for_a_minute(run: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    for _ in range(3):
        with pytest.raises(Hung):
            run.run("acme", "price", time.sleep, 0.4, seconds=0.05)
    with pytest.raises(Hung):
        run.run("acme", "price", asked.append, 1)
    assert (asked, run.run("other", "price", lambda: "well")) == ([], "well")
    now = time.monotonic()
    monkeypatch.setattr(guard.time, "monotonic", lambda: now + guard.REST + 1)
    run.run("acme", "price", asked.append, 2)
    assert asked == [2]


def test_an_answer_of_the_wrong_kind_is_a_failure(run: Guard) -> None:
    with pytest.raises(Rubbish):
        run.run("acme", "price", lambda: "12.50", check=lambda answer: isinstance(answer, list))


def test_calls_within_calls_do_not_wait_for_each_other(run: Guard) -> None:
    def deeper(depth: int) -> int:
        return depth if depth == 0 else 1 + run.run(f"p{depth}", "price", deeper, depth - 1)

    assert run.run("acme", "price", deeper, 20) == 20


def test_a_statement_of_a_hung_call_is_broken_off_so_that_the_write_lock_is_free(house: Any, world: World) -> None:
    """The plugin counts to a billion in the database while it holds the house's write lock."""
    endless = sa.text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT max(i) FROM n")
    started = time.monotonic()
    with pytest.raises(Hung), house.system_ctx(world.hospital.id) as ctx:
        ctx.db.execute(sa.text("UPDATE tenant SET name = name"))
        house.plugins.guard.run("acme", "check_transition", lambda: ctx.db.execute(endless).all(), seconds=0.5, ctx=ctx)
    with nobody(write=True) as session:
        session.execute(sa.text("UPDATE tenant SET name = name"))
    assert time.monotonic() - started < 10


@pytest.fixture
def tallied(house: Any) -> Iterator[Any]:
    """The house's own guard, with nothing counted before."""
    house.plugins.guard.ledger.flush()
    with nobody(write=True) as session:
        session.execute(sa.delete(PluginFault))
    yield house.plugins.guard
    house.plugins.guard.ledger.flush()
    with nobody(write=True) as session:
        session.execute(sa.delete(PluginFault))


def fail(guard: Guard, times: int, plugin: str = "viewer") -> None:
    for _ in range(times):
        with pytest.raises(ValueError, match="Zhang"):
            guard.run(plugin, "check_report", int, "Zhang^San")
    guard.ledger.flush()


def test_calls_time_and_failures_are_counted_without_what_the_plugin_said(tallied: Guard) -> None:
    tallied.run("viewer", "check_report", time.sleep, 0.02)
    fail(tallied, 2)
    with nobody() as session:
        row = session.scalars(sa.select(PluginFault)).one()
    assert (row.plugin, row.place, row.calls, row.count, row.error) == ("viewer", "check_report", 3, 2, "ValueError")
    assert row.slowest_ms >= 20 and row.ms >= 20


def test_ten_failures_in_five_minutes_make_a_plugin_degraded_and_tell_the_administrator(
    house: Any, tallied: Guard, world: World
) -> None:
    fail(tallied, 9)
    with nobody() as session:
        assert faults.degraded(session) == frozenset()
    fail(tallied, 1)
    fail(tallied, 1)
    with nobody() as session:
        assert faults.degraded(session) == {"viewer"}
    with all_tenants() as session:
        told = session.scalars(
            sa.select(Notice).where(Notice.kind == "plugin.degraded", Notice.account_id == world.h_admin.account.id)
        ).all()
    assert [(n.ref, n.facts) for n in told] == [("host:plugin:viewer", {"plugin": "viewer"})]


def test_a_refusal_in_words_is_no_failure(tallied: Guard) -> None:
    def refuse() -> None:
        raise NotFound

    for _ in range(10):
        with pytest.raises(NotFound):
            tallied.run("viewer", "door", refuse)
    tallied.ledger.flush()
    with nobody() as session:
        assert session.scalars(sa.select(PluginFault.count)).all() == [0]
        assert faults.degraded(session) == frozenset()


def test_ten_failures_in_more_than_five_minutes_do_not(tallied: Guard) -> None:
    for _ in range(10):
        clock.shift(timedelta(seconds=34))
        fail(tallied, 1)
    with nobody() as session:
        assert faults.degraded(session) == frozenset()


def test_half_an_hour_without_a_failure_or_the_operator_ends_it(tallied: Guard) -> None:
    fail(tallied, 10)
    for minutes, expected in ((29, {"viewer"}), (2, set())):
        clock.shift(timedelta(minutes=minutes))
        with nobody() as session:
            assert faults.degraded(session) == expected
    fail(tallied, 10)
    with nobody(write=True) as session:
        assert faults.degraded(session) == {"viewer"}
        faults.reset(session, "viewer")
        assert faults.degraded(session) == frozenset()


def test_a_lock_in_the_database_costs_no_count(tallied: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(tallies: object) -> None:
        raise OSError("database is locked")

    kept = tallied.ledger._write
    monkeypatch.setattr(tallied.ledger, "_write", locked)
    tallied.run("viewer", "price", int, "1")
    tallied.ledger.flush()
    monkeypatch.setattr(tallied.ledger, "_write", kept)
    tallied.ledger.flush()
    with nobody() as session:
        assert session.scalars(sa.select(PluginFault.calls)).all() == [1]
