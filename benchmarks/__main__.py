"""Ingest, QIDO over 20,000 studies, 400 frames, PDF, the poll for notices: each beside a peer, as a ratio.

Run by `make bench`. Peers: copying and syncing the same files (ingest), a bare SQL query of the same rows (QIDO), reading
the same bytes from the files (frames), the same page without Chinese line breaking left to the library (PDF).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import polling
from core import clock, config
from core.accounts import login
from core.accounts.actions import by_phone
from core.app import create_app
from core.demo import phantom, seed
from core.demo.phantom import DemoPatient
from core.intake.command import ingest_paths
from core.run import migrate
from core.studies.models import Patient, Study, StudyModality
from core.tenancy.sessions import all_tenants
from plugin_sdk.consultation import PatientFacts, ReportJob, ReportView, RequestRef
from plugins.report_templates.pdf import render

STUDIES, FRAMES, ROUNDS = 20_000, 400, 5


def timed(call: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Median seconds of a call."""
    spent = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)


def say(name: str, ours: float, peer: float, unit: str) -> None:
    print(f"{name:<34} {unit:<28} ratio to peer {ours / peer:6.2f}")


def ingest(house: Any, work: Path) -> None:
    """Files per second against copying and syncing the same files."""
    patient = DemoPatient("演示测速^^", "BENCH1", "M", date(1970, 1, 1), "ISO_IR 192")
    paths = phantom.chest_ct(work / "ct", patient=patient, at=datetime(2026, 11, 25, 8, 0), slices=120, size=256, seed=5)
    started = time.perf_counter()
    counts = list(ingest_paths(house, "HDEMO", [work / "ct"]))[-1]["counts"]
    ours = time.perf_counter() - started
    started = time.perf_counter()
    for path in paths:
        shutil.copyfile(path, copy := work / f"{path.name}.copy")
        with open(copy, "rb+") as file:
            os.fsync(file.fileno())
    peer = time.perf_counter() - started
    say("ingest", ours, peer, f"{counts['files'] / ours:.0f} files/s")


def fill(house: Any) -> None:
    tenant, at = house.tenant_by_code("HDEMO"), clock.now()
    with all_tenants(write=True) as db:
        for start in range(0, STUDIES, 1000):
            patients = [
                Patient(tenant_id=tenant.id, pid=f"B{n:06d}", name=f"演示{n}", pinyin=f"yanshi{n}", sex="M")
                for n in range(start, start + 1000)
            ]
            db.add_all(patients)
            db.flush()
            studies = [
                Study(tenant_id=tenant.id, uid=f"1.2.3.{n}", patient_id=p.id, accession=f"B{n}", study_date=date(2026, 1, 1),
                      study_at="2026-01-01 08:00:00", uploaded_at=at - timedelta(minutes=n), uploaded_day=at.date(),
                      modalities="CT", n_series=1, n_instances=1, complete_at=at)
                for n, p in enumerate(patients, start)
            ]
            db.add_all(studies)
            db.flush()
            db.add_all(StudyModality(tenant_id=tenant.id, study_id=s.id, modality="CT", uploaded_at=at) for s in studies)


def qido(client: Any, headers: dict[str, str], database: Path) -> None:
    url = "/t/HDEMO/dicom-web/studies?limit=101&offset=0&fuzzymatching=false&PatientID=B0100*"

    def ours() -> None:
        assert client.get(url, headers=headers).status_code == 200

    def peer() -> None:
        with sqlite3.connect(database) as db:
            db.execute(
                "SELECT * FROM study s JOIN patient p ON p.id = s.patient_id WHERE s.tenant_id = 1 AND p.pid GLOB 'B0100*' "
                "ORDER BY s.uploaded_at DESC LIMIT 101"
            ).fetchall()

    mine = timed(ours)
    say(f"QIDO, {STUDIES} studies", mine, timed(peer), f"{mine * 1000:.0f} ms a query")


def frames(client: Any, headers: dict[str, str], house: Any) -> None:
    found = client.get("/t/HDEMO/dicom-web/studies?PatientID=BENCH1", headers=headers).get_json()[0]["0020000D"]["Value"][0]
    listed = client.get(f"/t/HDEMO/dicom-web/studies/{found}/instances?limit=500", headers=headers).get_json()
    urls = [
        f"/t/HDEMO/dicom-web/studies/{found}/series/{i['0020000E']['Value'][0]}/instances/{i['00080018']['Value'][0]}/frames/1"
        for i in listed
    ]
    urls = (urls * (FRAMES // len(urls) + 1))[:FRAMES]
    accept = {**headers, "Accept": "multipart/related; type=application/octet-stream; transfer-syntax=*"}
    files = [p for p in house.config.blobs.rglob("*.0") if p.is_file()][:FRAMES]

    def ours() -> None:
        for url in urls:
            assert client.get(url, headers=accept).status_code == 200

    def peer() -> None:
        for n in range(FRAMES):
            files[n % len(files)].read_bytes()

    mine = timed(ours, 2)
    say(f"{FRAMES} frames", mine, timed(peer, 2), f"{FRAMES / mine:.0f} frames/s, one client")


def pdf() -> None:
    """A report, warm, against the first one of a process."""
    ref = RequestRef(id=1, public_id="0" * 26, study_id=1, link_id=1, hospital_id=1, group_id=2)
    view = ReportView(
        request=ref, n=1, status="sealed", findings="双肺纹理清晰。" * 40, impression="右肺上叶结节，约 8.2 mm。", positive=True,
        images=(), author=None, reviewer=None, sha256="0" * 64, sealed_at=clock.now(),
    )
    patient = PatientFacts(
        name="演示甲", sex="男", age="58岁", patient_id="P1", accession_number="CT1", modality="CT", body_part="胸部",
        study_time="2026-11-25 08:51",
    )
    job = ReportJob(request=ref, report=view, patient=patient, hospital="演示医院", group="演示诊断组", signatures=())
    first = timed(lambda: render(job), 1)
    mine = timed(lambda: render(job))
    say("PDF, warm to first", mine, first, f"{mine * 1000:.0f} ms a report")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        app = create_app(config.load({}, data=work / "data", testing=True))
        with app.app_context():
            migrate.upgrade(app.house)
            list(seed.seed(app.house, studies=False))
            ingest(app.house, work)
            fill(app.house)
            with all_tenants() as db:
                account = by_phone(db, "13800000001")
            assert account is not None
            headers = {"Authorization": f"Bearer {login.make_token(account.id, app.house.tenant_by_code('HDEMO').id, days=1)}"}
            client = app.test_client()
            qido(client, headers, work / "data" / "telerad.db")
            frames(client, headers, app.house)
        pdf()
    polling.main()


if __name__ == "__main__":
    main()
