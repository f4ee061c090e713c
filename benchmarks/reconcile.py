"""The nightly comparison over 1,000,000 images, beside a bare walk of the same store; what it costs the study list meanwhile.

    python -m benchmarks.reconcile [--images 1000000]

Rows are real, 100 images a study; files are names of a few real files of the length that the rows say (hard links), since
the shallow comparison reads names and lengths only. `walk` is `os.scandir` with a `stat` of each file and nothing else, in the
same run. The list is one whole page through the application, asked over and over by another process.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import sqlalchemy as sa

from benchmarks.lists import fill
from core import clock, config
from core.accounts import login
from core.accounts.actions import by_phone
from core.app import create_app
from core.demo import seed
from core.reconcile.run import reconcile
from core.run import migrate
from core.store.blobs import storage_key
from core.store.models import Blob
from core.studies.models import Instance, Series, Study
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.db import db
from plugin_sdk.ids import row_id

PER_STUDY = 100
SIZE = 64
LINKS = 50_000
"""Names of one file: ext4 allows 65,000."""
PAGE = "/t/HDEMO/studies?uploaded_from="


def furnish(tenant: Tenant, store: Path, images: int) -> None:
    """Series, images, bytes and files for the studies that are there, in batches of 100 studies."""
    blobs, instances, series, studies = Blob.__table__, Instance.__table__, Series.__table__, Study.__table__
    at = clock.now()
    source, made = store / "source", set[Path]()
    store.mkdir(parents=True, exist_ok=True)
    with db.engine.begin() as connection:
        ids = list(connection.scalars(sa.select(studies.c.id).order_by(studies.c.id)))
        connection.execute(sa.update(studies).values(n_series=1, n_instances=PER_STUDY, bytes=PER_STUDY * SIZE))
    for start in range(0, len(ids), 100):
        part = ids[start : start + 100]
        with db.engine.begin() as connection:
            first = int(connection.scalar(sa.select(sa.func.coalesce(sa.func.max(series.c.id), 0))) or 0) + 1
            connection.execute(sa.insert(series), [
                {"id": first + k, "public_id": row_id(), "tenant_id": tenant.id, "study_id": study, "uid": f"1.2.3.{study}.1",
                 "n_instances": PER_STUDY, "hidden": False, "meta_version": 0, "modality": "CT", "description": "", "body_part": "",
                 "series_at": ""} for k, study in enumerate(part)])
            base = int(connection.scalar(sa.select(sa.func.coalesce(sa.func.max(blobs.c.id), 0))) or 0) + 1
            digests = [hashlib.sha256(f"{study}.{n}".encode()).hexdigest() for study in part for n in range(PER_STUDY)]
            connection.execute(sa.insert(blobs), [
                {"id": base + k, "tenant_id": tenant.id, "sha256": digest, "size": SIZE, "created_at": at}
                for k, digest in enumerate(digests)])
            connection.execute(sa.insert(instances), [
                {"public_id": row_id(), "tenant_id": tenant.id, "series_id": first + k // PER_STUDY, "sop_uid": f"1.2.3.{base + k}",
                 "sop_class": "1.2.840.10008.5.1.4.1.1.2", "transfer_syntax": "1.2.840.10008.1.2.1", "number": k % PER_STUDY,
                 "blob_id": base + k, "data_sha256": digest, "n_frames": 1, "rank": 0, "received_at": at}
                for k, digest in enumerate(digests)])
        for k, digest in enumerate(digests):
            number = (start * PER_STUDY + k) // LINKS
            if not (of := source.with_suffix(f".{number}")).exists():
                of.write_bytes(b"x" * SIZE)
                os.utime(of, (time.time() - 7200,) * 2)
            path = store / storage_key(tenant.code, digest)
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            os.link(of, path)


def walk(folder: Path | str) -> int:
    """Files below a folder, each asked for its length."""
    with os.scandir(folder) as entries:
        return sum(walk(e.path) if e.is_dir(follow_symlinks=False) else int(e.stat().st_size > 0) for e in entries)


def ask(data: str, warm: Event, stop: Event, results: multiprocessing.Queue[list[float]]) -> None:
    """Ask for the first page of the list until told to stop; what each took, in milliseconds."""
    logging.disable(logging.WARNING)
    app = create_app(config.load({}, data=Path(data), testing=True))
    with app.app_context():
        tenant = app.house.tenant_by_code("HDEMO")
        with all_tenants() as session:
            account = by_phone(session, "13800000001")
        assert tenant is not None and account is not None
        token = login.make_token(account.id, tenant.id, days=1)
    client, taken = app.test_client(), list[float]()
    while not (stop.is_set() and len(taken) > 3):
        started = time.perf_counter()
        assert client.get(PAGE, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        taken.append((time.perf_counter() - started) * 1000)
        if len(taken) == 3 and not warm.is_set():
            warm.set()
            taken.clear()
    results.put(taken)


class Asking:
    """Another process that looks at the list; ``ms`` is the median once it was stopped."""

    def __init__(self, data: Path) -> None:
        spawn = multiprocessing.get_context("spawn")
        warm, self.stop, self.results = spawn.Event(), spawn.Event(), spawn.Queue()
        self.process = spawn.Process(target=ask, args=(str(data), warm, self.stop, self.results))
        self.process.start()
        assert warm.wait(120), "the list does not answer"

    @property
    def ms(self) -> float:
        self.stop.set()
        taken: list[float] = self.results.get(timeout=120)
        self.process.join(60)
        return statistics.median(taken)


def said(differences: Iterator[object]) -> tuple[int, float]:
    started = time.perf_counter()
    return sum(1 for _ in differences), time.perf_counter() - started


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--images", type=int, default=1_000_000)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        app = create_app(config.load({}, data=data, testing=True))
        logging.disable(logging.WARNING)
        with app.app_context():
            migrate.upgrade(app.house)
            list(seed.seed(app.house, studies=False))
            tenant = app.house.tenant_by_code("HDEMO")
            assert tenant is not None
            started = time.perf_counter()
            fill(tenant.id, given.images // PER_STUDY)
            furnish(tenant, app.house.config.blobs, given.images)
            found, seconds = said(reconcile(app.house, repair=True, logs=False))
            print(f"{given.images} images made in {time.perf_counter() - started:.0f} s; {found} manifests written in {seconds:.0f} s", flush=True)
            asking = Asking(data)
            time.sleep(20)
            idle = asking.ms
            started = time.perf_counter()
            files = walk(app.house.config.blobs)
            bare = time.perf_counter() - started
            asking = Asking(data)
            found, seconds = said(reconcile(app.house, logs=False))
            busy = asking.ms
            db.engine.dispose()
    print(f"walk of {files} files {bare:.0f} s; comparison {seconds:.0f} s ({seconds / bare:.1f}x), {found} differences")
    print(f"study list {idle:.1f} ms idle, {busy:.1f} ms meanwhile ({busy / idle:.2f}x)")


if __name__ == "__main__":
    main()
