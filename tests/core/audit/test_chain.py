"""Whatever is done to a chain at the database, ``telerad audit verify`` names the first bad entry."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy.exc import DBAPIError

from core import clock
from core.accounts import actions as accounts
from core.audit import anchors, archive, jobs
from core.audit.models import Audit, AuditGap, AuditHead
from core.audit.verify import verify
from core.cli import audit as commands
from core.tenancy.models import Setting
from core.tenancy.sessions import all_tenants
from core.work.models import Notice
from tests.conftest import World
from tests.core.audit.prompt import at_the_prompt, chain_anew, entry


@pytest.fixture
def tenant(world: World, house: Any) -> Iterator[int]:
    """A hospital with ten entries, three minutes apart. Afterwards its chain is empty again, for the tests that follow."""
    write(world, 10)
    yield world.hospital.id
    with at_the_prompt() as db:
        for other in (world.hospital.id, world.group.id):
            db.execute(sa.delete(AuditGap).where(AuditGap.tenant_id == other))
            db.execute(sa.delete(Audit).where(Audit.tenant_id == other))
            db.execute(sa.delete(AuditHead).where(AuditHead.tenant_id == other))
    house.config.audit_anchors.unlink(missing_ok=True)


def write(world: World, count: int, kind: str = "study.locked") -> None:
    for _ in range(count):
        clock.shift(timedelta(minutes=3))
        ctx = world.technician.ctx()
        ctx.audit(kind, ref="studies:study:01HZZZZZZZZZZZZZZZZZZZZZZZ", count=1)
        ctx.commit()
        ctx.close()


def first_bad(world: World, chain: str = "ops") -> tuple[int, str] | None:
    [seen] = verify(world.app.house, tenant=world.hospital.code, only=chain)
    return None if seen.bad is None else (seen.bad.seq, seen.bad.why)


def test_an_untouched_chain_fits(world: World, tenant: int) -> None:
    anchors.anchor(world.app.house)
    write(world, 2)
    [seen] = verify(world.app.house, tenant=world.hospital.code, only="ops")
    assert (seen.bad, seen.anchored) == (None, 10)
    assert seen.entries == seen.seq == 12


@pytest.mark.parametrize("column", ["facts", "kind", "ref", "at", "account_id", "public_id"])
def test_an_entry_that_was_changed_is_named(world: World, tenant: int, column: str) -> None:
    values = {
        "facts": {"count": 2}, "kind": "study.unlocked", "ref": "studies:study:01HZZZZZZZZZZZZZZZZZZZZZZY",
        "at": clock.now(), "account_id": 0, "public_id": "01HZZZZZZZZZZZZZZZZZZZZZZX",
    }
    with at_the_prompt() as db:
        setattr(entry(db, tenant, 4), column, values[column])
    assert first_bad(world) == (4, "digest")


def test_an_entry_that_was_deleted_is_named(world: World, tenant: int) -> None:
    with at_the_prompt() as db:
        db.delete(entry(db, tenant, 5))
    assert first_bad(world) == (5, "missing")


def test_entries_that_changed_places_are_named(world: World, tenant: int) -> None:
    with at_the_prompt() as db:
        one, other = entry(db, tenant, 3), entry(db, tenant, 4)
        one.seq = 99
        db.flush()
        other.seq = 3
        db.flush()
        one.seq = 4
    assert first_bad(world) == (3, "digest")


def test_a_cut_tail_is_seen_by_the_head_and_by_the_anchor_when_the_head_was_moved_too(world: World, tenant: int) -> None:
    anchors.anchor(world.app.house)
    with at_the_prompt() as db:
        db.execute(sa.delete(Audit).where(Audit.tenant_id == tenant, Audit.seq > 8))
    assert first_bad(world) == (9, "head")
    with at_the_prompt() as db:
        chain_anew(db, tenant, 9)
    assert first_bad(world) == (9, "cut")


def test_a_cut_that_no_anchor_saw_cannot_be_seen(world: World, tenant: int) -> None:
    with at_the_prompt() as db:
        db.execute(sa.delete(Audit).where(Audit.tenant_id == tenant, Audit.seq > 8))
        db.flush()
        chain_anew(db, tenant, 9)
    assert first_bad(world) is None


@pytest.mark.parametrize("keeper", ["file", "partner"])
def test_a_chain_written_anew_from_the_middle_is_caught_by_the_anchor(world: World, tenant: int, keeper: str) -> None:
    house = world.app.house
    anchors.anchor(house)
    write(world, 3)
    anchors.anchor(house)
    with at_the_prompt() as db:
        entry(db, tenant, 12).facts = {"count": 7}
        db.flush()
        chain_anew(db, tenant, 12)
    if keeper == "partner":
        house.config.audit_anchors.unlink()
    [seen] = verify(house, tenant=world.hospital.code, only="ops")
    assert seen.bad is not None
    assert (seen.bad.seq, seen.bad.why, seen.bad.after) == (13, "anchor", 10)


def test_an_entry_dated_before_the_one_it_follows_is_named(world: World, tenant: int) -> None:
    clock.shift(timedelta(hours=-2))
    write(world, 1)
    assert first_bad(world) == (11, "clock")


def test_entries_put_behind_the_head_are_named(world: World, tenant: int) -> None:
    with at_the_prompt() as db:
        head = db.get_one(AuditHead, (tenant, "ops"))
        head.seq, head.sha256 = 9, entry(db, tenant, 9).sha256
    assert first_bad(world) == (10, "head")


def test_looks_are_chained_apart_from_acts(world: World, tenant: int) -> None:
    write(world, 2, "study.viewed")
    [seen] = verify(world.app.house, tenant=world.hospital.code, only="views")
    assert (seen.seq, seen.bad) == (2, None)
    with at_the_prompt() as db:
        entry(db, tenant, 1, "views").account_id = 0
    assert (first_bad(world, "views"), first_bad(world)) == ((1, "digest"), None)


@pytest.mark.parametrize("table", ["audit", "audit_gap"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}"])
def test_the_database_refuses_to_change_or_delete_entries(world: World, tenant: int, table: str, verb: str) -> None:
    archived(world, [])
    with pytest.raises(DBAPIError, match="insert only"), all_tenants(write=True) as db:
        db.execute(sa.text(f"{verb.format(table)} WHERE tenant_id = :t"), {"t": tenant})


def archived(world: World, kinds: list[str]) -> Path:
    """Age what is there by four years, add entries of today, and archive. :return: the archive of the hospital's acts"""
    for kind in kinds:
        write(world, 1, kind)
    clock.shift(timedelta(days=4 * 366))
    write(world, 1)
    assert archive.archive(world.app.house) >= 10
    return world.app.house.config.audit_archive / f"{world.hospital.code}-ops-1-{10 + len([k for k in kinds if k.startswith('study')])}.jsonl"


def test_old_entries_leave_for_a_file_and_the_chain_still_fits(world: World, tenant: int) -> None:
    anchors.anchor(world.app.house)
    file = archived(world, [])
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, 11))
    [seen] = verify(world.app.house, tenant=world.hospital.code, only="ops")
    assert (seen.bad, seen.entries, seen.seq) == (None, 2, 12)  # of today, and the one that says what left
    assert archive.archive(world.app.house) == 0


def test_what_a_report_rests_on_does_not_leave(world: World, tenant: int) -> None:
    archived(world, ["report.sealed"])
    with all_tenants() as db:
        kinds = set(db.scalars(sa.select(Audit.kind).where(Audit.tenant_id == tenant)))
    assert "report.sealed" in kinds
    assert first_bad(world) is None


def test_a_gap_that_no_archive_vouches_for_is_named(world: World, tenant: int) -> None:
    with at_the_prompt() as db:
        last = entry(db, tenant, 6)
        db.add(AuditGap(tenant_id=tenant, chain="ops", first_seq=5, last_seq=6, sha256=last.sha256, file="x.jsonl",
                        file_sha256="0" * 64, at=clock.now()))
        db.execute(sa.delete(Audit).where(Audit.tenant_id == tenant, Audit.seq.in_([5, 6])))
    assert first_bad(world) == (5, "archive")


@pytest.mark.parametrize(
    ("at", "months", "expected"),
    [((2026, 11, 25), 36, (2023, 11, 1)), ((2026, 1, 31), 6, (2025, 7, 1)), ((2026, 12, 31), 12, (2025, 12, 1))],
)
def test_the_cutoff_is_the_start_of_a_month(at: tuple[int, int, int], months: int, expected: tuple[int, int, int]) -> None:
    assert archive.cutoff(datetime(*at, 13, 5, tzinfo=UTC), months) == datetime(*expected, tzinfo=UTC)


def test_fewer_than_six_months_are_not_a_setting(world: World, tenant: int) -> None:
    with all_tenants(write=True) as db:
        db.add(Setting(scope="platform", scope_id=0, name="audit.keep_months", value=1, changed_at=clock.now()))
    try:
        clock.shift(timedelta(days=200))
        assert archive.archive(world.app.house) == 0
    finally:
        with all_tenants(write=True) as db:
            db.execute(sa.delete(Setting).where(Setting.name == "audit.keep_months"))


def test_a_broken_chain_is_told_to_the_operator_once(world: World, tenant: int) -> None:
    with all_tenants(write=True) as db:
        operator = accounts.create(db, phone=f"137{tenant:08d}", name="运维", password="Secret2026$", must_change=False)
        operator.platform_role = "operator"
    with at_the_prompt() as db:
        entry(db, tenant, 4).facts = {}
    for _ in range(2):
        jobs.verify_job(world.app.house)
    with all_tenants(write=True) as db:
        told = db.scalars(sa.select(Notice).where(Notice.kind == "audit.broken", Notice.account_id == operator.id)).all()
        mine = [n.facts for n in told if n.facts["tenant"] == world.hospital.code]  # other tests move the clock back
        assert mine == [{"tenant": world.hospital.code, "chain": "ops", "seq": 4}]
        db.get_one(type(operator), operator.id).platform_role = ""


@pytest.fixture
def shell(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """``telerad audit ...`` on the application under test."""
    from contextlib import contextmanager

    @contextmanager
    def house_of(context: Any, *, upgrade: bool = True) -> Iterator[Any]:
        yield world.app.house

    monkeypatch.setattr(commands, "house_of", house_of)
    return lambda *args: CliRunner().invoke(commands.audit, args)


def test_the_command_says_the_first_bad_entry_and_ends_with_1(world: World, tenant: int, shell: Callable[..., Any]) -> None:
    code = world.hospital.code
    assert shell("anchor").exit_code == 0
    well = shell("verify", "--tenant", code)
    assert well.exit_code == 0
    assert well.output.splitlines()[0] == f"ok   {code} ops: 10 entries, anchored up to 10"
    with at_the_prompt() as db:
        db.delete(entry(db, tenant, 7))
    bad = shell("verify", "--tenant", code, "--chain", "ops")
    assert (bad.exit_code, bad.output) == (1, f"BAD  {code} ops: entry 7: it is missing\n")
