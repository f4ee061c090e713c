"""Kill a process at each named point of a story, look, go on, look again.

``python -m tests.faults.trial [--kind kill] [--point NAME] [--control NAME] [--points]``: exit 1 when anything that was
promised is not so. With a control, a known defect is built in first and must be reported.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core import clock, config, faults, invariants
from core.accounts import passwords
from core.app import TeleradFlask, create_app
from core.intake import sweep
from core.run import migrate
from core.store.blobs import storage_key
from core.store.models import Blob
from core.studies.models import Instance, Study
from core.tenancy.sessions import all_tenants
from core.work import runner, turns
from core.work.models import Delivery, Outbox
from plugin_sdk.db import db as flask_db
from tests.conftest import World
from tests.faults import controls, story
from tests.faults.story import Journal, Probe, Refused

ONCE = {"RequestSubmitted": 1, "ReportSealed": 1, "ReportConfirmed": 1, "StudyReceived": 2}


def make_app(folder: Path) -> TeleradFlask:
    passwords.HASHER = passwords.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    app = create_app(config.load({}, data=folder / "house", testing=True), extra=(Probe,))
    with app.app_context():
        migrate.upgrade(app.house)
    return app


def points_of(app: TeleradFlask, folder: Path) -> list[str]:
    """Points that the story passes, those of a control first."""
    world = story.make_world(app)
    faults.arm({}, watch=True)
    story.tell(world, Journal(folder / "watch"))
    names = [n for n, _ in sorted(faults.passed.items())]
    faults.arm({})
    return sorted(names, key=lambda n: n != controls.GAP)


def crash(app: TeleradFlask, folder: Path, point: str, kind: str, nth: int = 1) -> list[str]:
    """One trial in a world of its own. :return: what is not as it was promised"""
    world, journal = story.make_world(app), folder / f"{point}.{kind}.{nth}.{time.monotonic_ns()}"
    with app.app_context():
        flask_db.engine.dispose()
    pid = os.fork()
    if pid == 0:
        _tell_and_end(world, journal, {point: (kind, nth, faults.HANG)})
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if kind == "kill" and ended != -signal.SIGKILL:
        return [f"{point} was not reached: {ended}"] if nth == 1 else []
    found = [f"after {point}: {p}" for p in look(app, world, Journal.read(journal))]
    story.settle(world)
    try:
        story.tell(world, Journal.read(journal))
    except Refused as refused:
        return [*found, f"again after {point}: {refused}"]
    story.settle(world)
    return [*found, *(f"at the end of {point}: {p}" for p in (*look(app, world, Journal.read(journal)), *ends(app, world, counted=kind != "twice")))]


def _tell_and_end(world: World, journal: Path, armed: faults.Armed) -> None:
    code = 3
    try:
        with world.app.app_context():
            flask_db.engine.dispose(close=False)
        faults.arm(armed)
        story.tell(world, Journal.read(journal))
        code = 0
    except Exception:  # the child's edge: its exit code says it
        code = 4
    finally:
        os._exit(code)


def look(app: TeleradFlask, world: World, journal: Journal) -> Iterator[str]:
    """What must be true at any time: the invariants, and whatever the client was told."""
    with app.app_context():
        yield from (f"{b.rule} {b.what}" for b in invariants.check(app.house) if b.rule != "I8")
    said = journal.said
    if "upload" in said and world.technician.call("GET", f"/uploads/{said['upload']}").status_code != 200:
        yield "an upload that was acknowledged is gone"
    if "synced" in said and "sent" not in said:
        path = said["announced"].partition(f"/t/{world.hospital.code}")[2]
        if int(world.technician.call("HEAD", path).headers.get("Upload-Offset", -1)) < said["synced"]:
            yield "bytes that were acknowledged are not counted"
    if "stored" in said:
        yield from missing(app, world)
    if "request" in said:
        answer = world.doctor.call("GET", f"/requests/{said['request']}")
        version = max((v for k, v in said.items() if k in ("accept", "open", "send_to_review", "start_review", "approve", "confirm")), default=1)
        if answer.status_code != 200 or answer.get_json()["version"] < version:
            yield "a transition that was acknowledged is gone"


def missing(app: TeleradFlask, world: World) -> Iterator[str]:
    """I1: every object that was acknowledged is there with its bytes."""
    with app.app_context(), all_tenants() as db:
        rows = {uid: (sha256, gen) for uid, sha256, gen in db.execute(
            sa.select(Instance.sop_uid, Blob.sha256, Blob.gen).join(Blob, Blob.id == Instance.blob_id)
            .where(Instance.tenant_id == world.hospital.id, Instance.rank == 0)
        )}
    wanted = {f"1.2.826.0.1.3680043.9.7.{world.hospital.id}.1.{n}": data for n, data in enumerate(story.objects(world), 1)}
    for uid, data in wanted.items():
        key = storage_key(world.hospital.code, *rows[uid]) if uid in rows else ""
        if not key or not app.house.disk.exists(key) or app.house.disk.read(key) != data:
            yield f"object {uid} was acknowledged and is lost"


def ends(app: TeleradFlask, world: World, *, counted: bool) -> Iterator[str]:
    """What must be true when all is done: each thing once.

    :param counted: also what the probe did, which is not idempotent by itself
    """
    with app.app_context():
        yield from (f"{b.rule} {b.what}" for b in invariants.check(app.house, deep=False) if b.rule == "I8")
        with all_tenants() as db:
            kinds = dict(db.execute(
                sa.select(Outbox.kind, sa.func.count()).where(Outbox.tenant_id.in_((world.hospital.id, world.group.id)))
                .group_by(Outbox.kind)
            ).all())
            owed = db.scalar(sa.select(sa.func.count()).select_from(Delivery).where(Delivery.state != "done"))
            heard = [e for e in db.scalars(
                sa.select(Outbox.event_id).where(Outbox.tenant_id == world.hospital.id, Outbox.kind == "StudyReceived"))]
            studies = db.scalar(sa.select(sa.func.count()).select_from(Study).where(Study.tenant_id == world.hospital.id))
        for kind, least in ONCE.items():
            exact = kind != "StudyReceived"                # an upload that got no answer is sent again as another
            if (kinds.get(kind, 0) != least) if exact else (kinds.get(kind, 0) < least):
                yield f"{kind} was told {kinds.get(kind, 0)} times"
        if owed:
            yield f"{owed} deliveries are owed"
        if studies != 1:
            yield f"{studies} studies"
        for kind in ("probe.heard", "probe.later") if counted else ():
            if story.told(world, kind) != dict.fromkeys(heard, 1):
                yield f"{kind}: {sorted(story.told(world, kind).values())} for {len(heard)} events"
    answer = world.doctor.call("GET", "/requests?limit=10").get_json()
    if [r["state"] for r in answer["items"]] != ["CONFIRMED"]:
        yield f"requests {[r['state'] for r in answer['items']]}"


def sleepers(app: TeleradFlask, folder: Path) -> Iterator[str]:
    """Two processes believe that a row is theirs: one of them writes."""
    world = story.make_world(app)
    with app.app_context():
        with app.house.system_ctx(world.hospital.id) as ctx:
            ctx.enqueue("probe.later", event="asleep", user=world.doctor.account.id)
        with all_tenants(write=True) as db:
            first = turns.next_job(db, ["probe.later"])
            row = db.get_one(runner.Job, first.id)
        clock.shift(timedelta(seconds=90))
        with all_tenants(write=True) as db:
            second = turns.next_job(db, ["probe.later"])
        runner.run_job(app.house, second, row)
        runner.run_job(app.house, first, row)
        if story.told(world, "probe.later") != {"asleep": 1}:
            yield f"a sleeper wrote: {story.told(world, 'probe.later')}"


def strangers(app: TeleradFlask, folder: Path) -> Iterator[str]:
    """I12: statements of one tenant leave the other's rows as they are."""
    ours, theirs = story.make_world(app), story.make_world(app)
    story.tell(theirs, Journal(folder / f"theirs.{theirs.hospital.id}"))
    with app.app_context():
        before = invariants.digest_of_tenant(theirs.hospital.id)
        with app.house.system_ctx(ours.hospital.id) as ctx:
            ctx.db.execute(sa.update(Study).values(description="x").execution_options(synchronize_session=False))
        if invariants.digest_of_tenant(theirs.hospital.id) != before:
            yield "I12 another tenant's rows were changed"


def old_parts(app: TeleradFlask, folder: Path) -> Iterator[str]:
    """Acknowledged files whose job waits for days are not swept."""
    world = story.make_world(app)
    upload = story.multipart(world, *story.objects(world))
    for part in (app.house.config.uploads / world.hospital.code).glob("*.part"):
        os.utime(part, (time.time() - 5 * 86400,) * 2)
    with app.app_context():
        sweep.sweep(app.house)
    world.drain()
    try:
        story.stored(world, [upload])
    except Refused as refused:
        yield f"acknowledged files were swept: {refused}"


def without_sync(app: TeleradFlask, folder: Path) -> Iterator[str]:
    from tests.faults.test_ingest_crash_points import NoSync, enumerate_cuts, ours

    runs, bad = enumerate_cuts(ours, NoSync)
    if bad:
        yield f"{bad} of {runs} power losses lose what was acknowledged"


BESIDE: tuple[Any, ...] = (sleepers, strangers, old_parts)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", default="kill", choices=faults.KINDS)
    parser.add_argument("--point")
    parser.add_argument("--nth", type=int, default=1)
    parser.add_argument("--control", choices=controls.CONTROLS)
    parser.add_argument("--controls", action="store_true", help="each control in a process of its own")
    parser.add_argument("--points", action="store_true", help="only say which points the story passes")
    asked = parser.parse_args(arguments)
    if asked.controls:
        return each_control(asked)
    with tempfile.TemporaryDirectory() as temporary:
        return run(asked, Path(temporary))


def each_control(asked: argparse.Namespace) -> int:
    """Fork once for each, after everything was imported. :return: how many were not reported"""
    with tempfile.TemporaryDirectory() as temporary:
        make_app(Path(temporary))
    missed = 0
    for name in controls.CONTROLS:
        print(f"control {name}", flush=True)
        if (pid := os.fork()) == 0:
            code = 70
            try:
                asked.control = name
                with tempfile.TemporaryDirectory() as temporary:
                    code = run(asked, Path(temporary))
            finally:
                sys.stdout.flush()
                os._exit(code)
        missed += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 1
    return missed


def run(asked: argparse.Namespace, folder: Path) -> int:
    started = time.monotonic()
    app = make_app(folder)
    checks = {"no_fsync": (without_sync,), "acknowledge_before_commit": ()}.get(asked.control, BESIDE)
    if asked.control:
        controls.CONTROLS[asked.control]()
    if asked.points:
        print("\n".join(points_of(app, folder)))
        return 0
    found: list[str] = []
    if not asked.point:
        found = [p for check in checks for p in check(app, folder)]
        print(f"beside: {found or 'well'}", flush=True)
    names = [asked.point] if asked.point else points_of(app, folder)
    for name in names if not (asked.control and found) else ():
        problems = crash(app, folder, name, asked.kind, asked.nth)
        print(f"{asked.kind} {name}: {problems or 'well'}", flush=True)
        found += problems
        if asked.control and found:
            break
    print(f"{len(found)} problems, {time.monotonic() - started:.0f} s", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
