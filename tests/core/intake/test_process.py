"""Uploads that are stopped, started twice, left alone; files from the command line; bytes that are really on the disk."""

from __future__ import annotations

import io
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core import clock
from core.audit.models import Audit
from core.intake import receive, sweep
from core.intake.command import NoTenant, ingest_paths
from core.intake.models import Upload, UploadFile
from core.intake.process import process_upload
from core.store.blobs import sha256_of, storage_key
from core.store.models import Blob
from core.studies.models import Instance, Study
from core.tenancy.sessions import all_tenants
from core.work.models import Job, Notice
from tests.conftest import World
from tests.core.intake.objects import images, packed, sample
from tests.core.intake.test_tus import begin
from tests.core.intake.test_uploads import outcomes, send
from tests.core.intake.test_who_it_belongs_to import rows_of
from tests.desk import Desk

ROOT = Path(__file__).parents[3]
RUN = """
import sys
from pathlib import Path
from core import config
from core.app import create_app
data, url, tenant_id, account_id, *rest = sys.argv[1:]
app = create_app(config.load({}, data=Path(data), testing=True, strict_plugins="1", database_url=url))
with app.app_context(), app.house.system_ctx(int(tenant_id), account_id=int(account_id), write=False) as ctx:
"""
PROCESS = RUN + """
    from core.intake.process import process_upload
    process_upload(ctx, upload=rest[0])
"""
RACE = RUN + """
    from core.intake.child import Parser
    from core.intake.ingest import ingest_file
    with Parser() as parser:
        parser.parse(rest[0])
        print("ready", flush=True)
        sys.stdin.readline()
        for path in rest:
            print(ingest_file(ctx, Path(path), name="x.dcm", source_id=None, parser=parser).outcome, flush=True)
"""


def start(world: World, code: str, *args: object) -> subprocess.Popen[str]:
    config = world.app.house.config
    return subprocess.Popen(
        [sys.executable, "-c", code, str(config.data), config.database_url, str(world.hospital.id),
         str(world.technician.account.id), *map(str, args)],
        cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )


def receive_only(world: World, name: str, data: bytes) -> str:
    """Upload without letting the job run. :return: the upload's id"""
    answer = world.technician.call(
        "POST", "/uploads", data={"file": [(io.BytesIO(data), name)]}, content_type="multipart/form-data"
    )
    assert answer.status_code == 202
    return str(answer.get_json()["id"])


def process(world: World, upload: str) -> None:
    with (
        world.app.app_context(),
        world.app.house.system_ctx(world.hospital.id, account_id=world.technician.account.id, write=False) as ctx,
    ):
        process_upload(ctx, upload=upload)


def result(world: World, upload: str) -> dict[str, Any]:
    return world.technician.call("GET", f"/uploads/{upload}").get_json()  # type: ignore[no-any-return]


def told(world: World) -> list[tuple[str, dict[str, Any]]]:
    with world.app.app_context(), all_tenants() as db:
        mine = sa.select(Notice.ref, Notice.facts).where(
            Notice.account_id == world.technician.account.id, Notice.kind == "upload.done"
        )
        return [(row.ref, row.facts) for row in db.execute(mine.order_by(Notice.id))]


def test_the_end_of_an_upload_is_told_when_it_was_long_or_left_files_out_and_not_otherwise(world: World) -> None:
    one, two, three = (data for data in images(3))
    process(world, receive_only(world, "one.dcm", one))
    assert told(world) == []
    long = receive_only(world, "two.dcm", two)
    clock.shift(timedelta(minutes=2))
    process(world, long)
    [study] = {row.public_id for row in rows_of(world, Study)}
    assert told(world) == [(f"studies:study:{study}", {"files": 1, "left": 0})]
    part = receive_only(world, "both.zip", packed({"three.dcm": three, "letter.dcm": b"no image" * 40}))
    process(world, part)
    process(world, part)
    assert told(world)[1:] == [(f"studies:study:{study}", {"files": 2, "left": 1})]
    none = receive_only(world, "letter.dcm", b"no image" * 50)
    process(world, none)
    assert told(world)[2:] == [(f"intake:upload:{none}", {"files": 1, "left": 1})]
    desk = Desk(world.technician)
    assert "共 2 个文件，未收 1 个" in desk.page("/notices")



def parts(world: World) -> list[str]:
    return sorted(p.name for p in (world.app.house.config.uploads / world.hospital.code).iterdir())


def has_bytes(world: World) -> bool:
    """Tell whether each row of the store has its bytes."""
    store = world.app.house.config.blobs
    return all(
        sha256_of((store / storage_key(world.hospital.code, b.sha256, b.gen)).read_bytes()) == b.sha256
        for b in rows_of(world, Blob)
    )


def test_processing_twice_changes_nothing(world: World) -> None:
    upload = receive_only(world, "all.zip", packed({f"{n}.dcm": d for n, d in enumerate(images(3))}))
    process(world, upload)
    first = result(world, upload)
    process(world, upload)
    world.drain()
    assert result(world, upload) == first
    assert first["counts"] == {"files": 3, "stored": 3, "duplicate": 0, "held": 0, "refused": 0}
    kinds = [e.kind for e in rows_of(world, Audit)]
    assert kinds.count("study.received") == 1
    assert parts(world) == []


def test_a_batch_of_several_studies_leaves_one_audit_entry_for_each_and_all_are_complete(world: World) -> None:
    send(world, ("all.zip", packed({f"{n}.dcm": d for n, d in enumerate(images(6, studies=3))})))
    assert [(s.n_instances, s.complete_at is not None) for s in rows_of(world, Study)] == [(2, True)] * 3
    found = [e for e in rows_of(world, Audit) if e.kind == "study.received"]
    assert len(found) == len({e.ref for e in found}) == 3


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 45])
def test_a_killed_job_goes_on_where_it_was_and_counts_nothing_twice(world: World, after: int) -> None:
    """SIGKILL once ``after`` outcomes of 60 are written, then again while it goes on, then let it end."""
    entries: dict[str, bytes] = {f"{n}.dcm": d for n, d in enumerate(images(58, studies=3))}
    upload = receive_only(world, "all.zip", packed({**entries, "x.txt": b"hello", "inner.zip": packed({})}))
    for wanted in (after, after + 5):
        job = start(world, PROCESS, upload)
        while (done := said(world, upload)) < wanted:
            assert job.poll() is None, "ended before it could be killed"
            time.sleep(0.01)
        job.send_signal(signal.SIGKILL)
        job.wait()
        assert done < 60
        assert result(world, upload)["state"] == "processing"
        assert has_bytes(world)
    process(world, upload)
    found = result(world, upload)
    assert found["counts"] == {"files": 60, "stored": 58, "duplicate": 0, "held": 0, "refused": 2}
    assert [f["name"] for f in found["files"]] == [
        *(f"all.zip/{n}.dcm" for n in range(58)), "all.zip/x.txt", "all.zip/inner.zip"
    ]
    assert len(rows_of(world, Instance)) == 58
    assert sum(s.n_instances for s in rows_of(world, Study)) == 58
    assert parts(world) == []


def said(world: World, upload: str) -> int:
    """How many files of an upload have an outcome."""
    with world.app.app_context(), all_tenants() as db:
        return db.scalar(
            sa.select(sa.func.count()).select_from(UploadFile)
            .join(Upload, Upload.id == UploadFile.upload_id)
            .where(Upload.public_id == upload, UploadFile.outcome != "")
        ) or 0


@pytest.mark.slow
def test_two_processes_that_let_the_same_files_in_store_each_once(world: World, tmp_path: Path) -> None:
    paths = []
    for n, data in enumerate(images(20, studies=2)):
        paths.append(tmp_path / f"{n}.dcm")
        paths[-1].write_bytes(data)
    both = [start(world, RACE, *paths) for _ in range(2)]
    for job in both:
        assert job.stdout is not None and job.stdout.readline() == "ready\n"
    for job in both:
        assert job.stdin is not None
        job.stdin.write("go\n")
        job.stdin.flush()
    said = [job.communicate(timeout=60)[0].split() for job in both]
    assert [job.returncode for job in both] == [0, 0]
    assert [sorted(pair) for pair in zip(*said, strict=True)] == [["duplicate", "stored"]] * 20
    assert len(rows_of(world, Instance)) == 20
    assert [s.n_instances for s in rows_of(world, Study)] == [10, 10]
    assert has_bytes(world)


def test_an_upload_that_another_process_works_on_is_left_to_it(world: World) -> None:
    upload = receive_only(world, "a.dcm", sample())
    with (
        world.app.app_context(), world.app.house.system_ctx(world.hospital.id) as ctx,
        receive.claimed(ctx, upload), pytest.raises(BlockingIOError),
    ):
        process(world, upload)
    assert result(world, upload)["state"] == "processing"
    process(world, upload)
    assert outcomes(result(world, upload)) == [("a.dcm", "stored", "")]


def test_when_an_upload_is_acknowledged_its_bytes_and_its_name_are_synced(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, fsync = [], os.fsync

    def watched(descriptor: int) -> None:
        fsync(descriptor)
        synced.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), stat.S_ISDIR(os.fstat(descriptor).st_mode)))

    monkeypatch.setattr(os, "fsync", watched)
    folder = world.app.house.config.uploads / world.hospital.code
    receive_only(world, "a.dcm", sample())
    (part,) = folder.iterdir()
    assert synced.index((str(part), False)) < len(synced) - 1 - synced[::-1].index((str(folder), True))
    synced.clear()
    sending = begin(world)
    assert (str(folder), True) in synced
    sending.patch(0, sample()[:100])
    assert synced[-1] == (str(folder / f"{sending.id}.part"), False)


def test_bytes_behind_what_was_counted_are_written_over(world: World) -> None:
    """A crash between the sync and the commit leaves bytes that nobody was told of."""
    data = sample()
    sending = begin(world)
    sending.patch(0, data[:100])
    with (world.app.house.config.uploads / world.hospital.code / f"{sending.id}.part").open("ab") as file:
        file.write(b"\xff" * 5000)
    assert sending.head().headers["Upload-Offset"] == "100"
    sending.patch(100, data[100:])
    world.drain()
    assert outcomes(sending.result()) == [("a.dcm", "stored", "")]


def test_an_upload_that_nobody_finishes_is_dropped_after_48_hours_and_not_before(world: World) -> None:
    sending = begin(world)
    sending.patch(0, sample()[:100])
    part = world.app.house.config.uploads / world.hospital.code / f"{sending.id}.part"
    swept(world, timedelta(hours=47, minutes=59))
    assert sending.head().status_code == 200
    swept(world, timedelta(hours=48, minutes=1))
    assert sending.head().status_code == 404
    old = time.time() - 49 * 3600
    os.utime(part, (old, old))
    swept(world, timedelta(0))
    assert not part.exists()


def test_an_upload_whose_job_was_given_up_is_taken_up_again(world: World) -> None:
    upload = receive_only(world, "a.dcm", sample())
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.update(Job).where(Job.state == "queued").values(state="failed"))
    swept(world, timedelta(minutes=59))
    world.drain()
    assert result(world, upload)["state"] == "processing"
    swept(world, timedelta(minutes=61))
    swept(world, timedelta(minutes=61))
    with world.app.app_context(), all_tenants() as db:
        queued = db.scalars(sa.select(Job).where(Job.state == "queued", Job.name == sweep.JOB)).all()
    assert [job.args["upload"] for job in queued] == [upload]
    clock.shift(timedelta(hours=2))
    world.drain()
    assert outcomes(result(world, upload)) == [("a.dcm", "stored", "")]


def swept(world: World, by: timedelta) -> None:
    clock.reset()
    clock.shift(by)
    with world.app.app_context():
        sweep.sweep(world.app.house)
    clock.reset()


@pytest.mark.feature("S-026")
def test_files_folders_and_zips_of_this_machine_are_let_in_and_left_as_they_are(world: World, tmp_path: Path) -> None:
    one, two, three = images(3)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    files: dict[str, bytes] = {"in/1.dcm": one, "in/deep/2.dcm": two, "all.zip": packed({"3.dcm": three, "1.dcm": one})}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    *lines, last = ingest(world, [tmp_path / "in", tmp_path / "all.zip", tmp_path / "in" / "1.dcm"])
    assert sorted((line["name"], line["outcome"]) for line in lines) == [
        ("1.dcm", "duplicate"), ("1.dcm", "duplicate"), ("2.dcm", "stored"),
        ("all.zip/1.dcm", "stored"), ("all.zip/3.dcm", "stored"),
    ]
    assert last == {"counts": {"files": 5, "stored": 3, "duplicate": 2, "held": 0, "refused": 0}}
    assert {name: (tmp_path / name).read_bytes() for name in files} == files
    assert [(s.n_instances, s.complete_at is not None) for s in rows_of(world, Study)] == [(3, True)]
    assert parts(world) == []


def test_more_files_than_one_step_takes_are_each_said_once(world: World, tmp_path: Path) -> None:
    for n, data in enumerate(images(103)):
        (tmp_path / f"{n:03d}.dcm").write_bytes(data)
    *lines, last = ingest(world, [tmp_path])
    assert [line["name"] for line in lines] == [f"{n:03d}.dcm" for n in range(103)]
    assert last["counts"]["stored"] == 103
    assert [s.n_instances for s in rows_of(world, Study)] == [103]


def test_a_group_and_an_unknown_code_take_no_files(world: World, tmp_path: Path) -> None:
    for code in (world.group.code, "NOBODY"):
        with world.app.app_context(), pytest.raises(NoTenant):
            list(ingest_paths(world.app.house, code, [tmp_path]))


def ingest(world: World, paths: list[Path]) -> list[dict[str, Any]]:
    with world.app.app_context():
        return list(ingest_paths(world.app.house, world.hospital.code, paths))


def test_a_full_disk_refuses_uploads_before_their_bytes_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000, "total": 10**12}))
    answer = world.technician.call(
        "POST", "/uploads", data={"file": [(io.BytesIO(sample()), "a.dcm")]}, content_type="multipart/form-data"
    )
    assert (answer.status_code, answer.get_json()["type"]) == (507, "urn:telerad:problem:storage-full")


def test_a_disk_that_fills_while_files_are_let_in_refuses_them_and_loses_none_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = send(world, ("a.dcm", sample()))
    upload = receive_only(world, "b.dcm", images(1)[0])
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000, "total": 10**12}))
    process(world, upload)
    assert outcomes(result(world, upload)) == [("b.dcm", "refused", "storage_full")]
    assert outcomes(result(world, first["id"])) == [("a.dcm", "stored", "")]


