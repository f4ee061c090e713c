"""Kill processes of the running product at random under load, then check every promise.

``python -m tests.faults.kill_loop [--kills N] [--objects N] [--database sqlite|postgresql] [--seed N]``: prints its seed and
what it found; exit 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import sqlalchemy as sa

from core import config, invariants
from core.accounts import login
from core.accounts.actions import by_phone
from core.app import TeleradFlask, create_app
from core.demo import seed as demo
from core.intake.command import ingest_paths
from core.run import migrate
from core.store.blobs import storage_key
from core.store.models import Blob
from core.studies.models import Instance, Study
from core.tenancy import actions as tenancy
from core.tenancy.sessions import all_tenants
from core.work import runner
from core.work.models import Delivery, Job, Outbox
from plugin_sdk.db import db as flask_db
from tests import postgres
from tests.conftest import make_member
from tests.faults.load import Load
from tests.faults.parts import House, answers, kill

PEOPLE = {"technician": ("13800000001", "HDEMO"), "doctor": ("13800000002", "HDEMO"), "reader": ("13800000011", "GDEMO"),
          "reviewer": ("13800000013", "GDEMO")}
SETTLE = 200.0
"""Seconds without progress after which work counts as stuck."""
SHOWN = 40


def furnish(app: TeleradFlask, folder: Path) -> tuple[dict[str, str], int]:
    """People of two houses with tokens, and a third house with a study, that nobody touches. :return: tokens, its id"""
    with app.app_context():
        migrate.upgrade(app.house)
        list(demo.seed(app.house, studies=False))
        with all_tenants(write=True) as db:
            quiet = tenancy.create(db, app.house, code="HQUIET", kind="hospital", name="演示安静医院")
        make_member(app, quiet, "admin", "quiet")
        (folder / "quiet").mkdir()
        files = Load([], {}, folder, 0, batch=3).files()[1]
        for uid, data in files:
            (folder / "quiet" / f"{uid}.dcm").write_bytes(data)
        list(ingest_paths(app.house, "HQUIET", [folder / "quiet"]))
        runner.drain(app.house)  # what its own study sets off is done before its rows are remembered
        tokens = {}
        for who, (phone, code) in PEOPLE.items():
            with all_tenants() as db:
                account = by_phone(db, phone)
            tokens[who] = login.make_token(account.id, app.house.tenant_by_code(code).id, days=2)
        flask_db.engine.dispose()
    return tokens, quiet.id


class Killer:
    """:ivar back: seconds that a web process needed to answer again, each time it was killed"""

    def __init__(self, house: House, dice: random.Random, pause: tuple[float, float]) -> None:
        self.house, self.dice, self.pause = house, dice, pause
        self.killed: Counter[str] = Counter()
        self.back: list[float] = []

    def once(self) -> None:
        part = self.dice.choice(self.house.parts)
        pids = self.house.pids(part.name)
        if not pids:
            return
        if part.name.startswith("worker") and len(pids) > 1 and self.dice.random() < 0.5:
            target, name = pids[1:], "horse"                 # only the child that runs jobs, and its own
        else:
            target, name = pids, part.name.rstrip("0123456789")
        for pid in target:
            kill(pid)
        self.killed[name] += 1
        if part.name.startswith("web"):
            started = time.monotonic()
            time.sleep(0.2)
            port = self.house.ports[int(part.name[3:])]
            threading.Thread(target=self._measure, args=(port, started), daemon=True).start()

    def _measure(self, port: int, started: float) -> None:
        if answers(port, 60):
            self.back.append(time.monotonic() - started)

    def run(self, kills: int, stop: threading.Event) -> None:
        while sum(self.killed.values()) < kills and not stop.wait(self.dice.uniform(*self.pause)):
            self.once()


def filled(load: Load, objects: int) -> bool:
    """Wait until so many objects were acknowledged. :return: whether they were; not when none was for a long time"""
    most, moved = -1, time.monotonic()
    while (now := load.acknowledged()) < objects and not load.refused:
        if now > most:
            most, moved = now, time.monotonic()
        elif time.monotonic() - moved > SETTLE:
            return False
        time.sleep(0.5)
    return True


def settled(app: TeleradFlask, seconds: float) -> float | None:
    """Wait until no work waits. :return: seconds it took, ``None`` when nothing was finished for ``seconds``"""
    started = moved = time.monotonic()
    least = 10**9
    while time.monotonic() - moved < seconds:
        with app.app_context(), all_tenants() as db:
            owed = sum(db.scalar(sa.select(sa.func.count()).select_from(t).where(t.state.in_(words))) or 0 for t, words in (
                (Job, ("queued", "running")), (Delivery, ("waiting", "leased"))))
        if not owed:
            return time.monotonic() - started
        if owed < least:
            least, moved = owed, time.monotonic()
        time.sleep(0.5)
    return None


def promises(app: TeleradFlask, load: Load, quiet: int, before: str) -> Iterator[str]:
    """Everything that was acknowledged, against what is there."""
    yield from load.refused
    with app.app_context():
        for broken in invariants.check(app.house):
            yield f"{broken.rule} {broken.what}"
        if invariants.digest_of_tenant(quiet) != before:
            yield "I12 rows of a tenant that nobody touched"
        with all_tenants() as db:
            stored = {uid: (sha, gen) for uid, sha, gen in db.execute(
                sa.select(Instance.sop_uid, Blob.sha256, Blob.gen).join(Blob, Blob.id == Instance.blob_id).where(Instance.rank == 0))}
            studies = dict(db.execute(sa.select(Study.uid, Study.n_instances)).all())
            gave_up = db.scalar(sa.select(sa.func.count()).select_from(Job).where(Job.state == "failed")) or 0
            parked = db.scalar(sa.select(sa.func.count()).select_from(Delivery).where(Delivery.state == "parked")) or 0
            kinds = dict(db.execute(sa.select(Outbox.kind, sa.func.count()).group_by(Outbox.kind)).all())
        if gave_up or parked:
            yield f"{gave_up} jobs and {parked} deliveries gave up"
        for line in load.journal.of("upload"):
            for uid, sha in line["objects"]:
                if stored.get(uid, ("",))[0] != sha or not app.house.disk.exists(storage_key("HDEMO", *stored[uid])):
                    yield f"object {uid} was acknowledged and is lost"
            if studies.get(line["study"]) != len(line["objects"]):
                yield f"study {line['study']} shows {studies.get(line['study'])} of {len(line['objects'])}"
    yield from shown(load)
    yield from moved(load, kinds)


def shown(load: Load) -> Iterator[str]:
    """I2 over HTTP: what QIDO lists and WADO gives is what was acknowledged."""
    client, dice = load.client("technician", 7), random.Random(load.seed)
    lines = load.journal.of("upload")
    for line in dice.sample(lines, min(SHOWN, len(lines))):
        root = f"/t/HDEMO/dicom-web/studies/{line['study']}"
        status, found = client.call("GET", f"{root}/instances?limit=500")
        uids = {i["00080018"]["Value"][0]: i["0020000E"]["Value"][0] for i in found} if status == 200 else {}
        if set(uids) != {uid for uid, _ in line["objects"]}:
            yield f"QIDO of {line['study']}: {status}, {len(uids)} of {len(line['objects'])}"
            continue
        uid = dice.choice(sorted(uids))
        status, data = client.call("GET", f"{root}/series/{uids[uid]}/instances/{uid}", Accept='multipart/related; type="application/dicom"; transfer-syntax=*')
        if status != 200 or uid.encode() not in data:
            yield f"WADO of {uid}: {status}"


def moved(load: Load, kinds: dict[str, int]) -> Iterator[str]:
    """Every acknowledged move is in the history, once, and its event was told once."""
    client, last = load.client("doctor", 7), {}
    for line in load.journal.of("request"):
        last[line["id"]] = max(last.get(line["id"], 0), line["version"])
    events: Counter[str] = Counter()
    ids, after = [], ""
    while True:
        status, page = client.call("GET", f"/requests?limit=100{after}")
        if status != 200:
            yield f"list of requests: {status}"
            return
        ids += [r["id"] for r in page["items"]]
        if not page.get("next"):
            break
        after = f"&after={page['next']}"
    if len(set(ids)) != len(ids) or not set(last) <= set(ids):
        yield f"{len(ids)} requests, {len(set(last) - set(ids))} of the acknowledged are missing"
    for request in ids:
        _, seen = client.call("GET", f"/requests/{request}")
        events.update(e["event"] for e in seen["history"])
        if seen["version"] < last.get(request, 0):
            yield f"request {request} is at {seen['version']}, {last[request]} was acknowledged"
    for kind, event in (("RequestSubmitted", "request"), ("ReportSealed", "approve"), ("ReportConfirmed", "confirm")):
        if kinds.get(kind, 0) != events[event]:
            yield f"{kind} was told {kinds.get(kind, 0)} times for {events[event]}"


def run(folder: Path, *, kills: int, objects: int, database: str, seed: int, pause: tuple[float, float] = (0.8, 2.2)) -> dict[str, object]:
    """One run. :return: what happened, with the list of broken promises"""
    data = folder / "data"
    data.mkdir()
    url = database
    app = create_app(config.load({}, data=data, database_url=url or None))
    tokens, quiet = furnish(app, folder)
    many = 2 if url else 1
    house = House(data, database=url, webs=many, workers=many, clocks=many)
    load = Load(house.ports, tokens, folder, seed)
    killer = Killer(house, random.Random(seed), pause)
    started = time.monotonic()
    with app.app_context():
        before = invariants.digest_of_tenant(quiet)
    try:
        house.start()
        load.begin()
        killer.run(kills, threading.Event())
        load.most = objects
        if not filled(load, objects):
            load.refused.append(f"no upload was acknowledged for {SETTLE:.0f} s")
        load.end()
        took = settled(app, SETTLE)
        for port in house.ports:
            answers(port, 60)
        broken = list(promises(app, load, quiet, before))
        if took is None:
            broken.append(f"work still waits, nothing was finished for {SETTLE:.0f} s")
    finally:
        load.stop.set()
        house.stop()
        with app.app_context():
            flask_db.engine.dispose()
    back = sorted(killer.back)
    return {
        "seed": seed, "database": "postgresql" if url else "sqlite", "kills": dict(killer.killed), "killed": sum(killer.killed.values()),
        "acknowledged": load.acknowledged(), "moves": len(load.journal.of("request")), "settled_s": took and round(took, 1),
        "web_back_s": [round(x, 1) for x in (back[len(back) // 2], back[-1])] if back else [],
        "seconds": round(time.monotonic() - started), "broken": broken[:20], "broken_count": len(broken),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args(arguments)
    print(f"seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with postgres.running(durable=True) if asked.database == "postgresql" else nullcontext("") as url:
            said = run(folder, kills=asked.kills, objects=asked.objects, database=url, seed=asked.seed)
        if said["broken_count"]:
            print((folder / "data" / "parts.log").read_text(errors="replace")[-6000:], file=sys.stderr)
    print(json.dumps(said, ensure_ascii=False), flush=True)
    return 1 if said["broken_count"] else 0


if __name__ == "__main__":
    sys.exit(main())
