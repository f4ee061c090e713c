"""Before a commit names a file, the kernel has synced the file's bytes and the folder that holds its name.

Rows appear at commits only, so looking at each commit is looking at every moment at which the power may go.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.app import TeleradFlask
from core.intake.models import UploadFile
from core.store.blobs import storage_key
from core.store.models import Blob
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from plugin_sdk.db import db as flask_db
from tests.conftest import World, csrf
from tests.core.intake.objects import changed, sample
from tests.core.test_slow_work import confirmed


@dataclass
class Platter:
    """What a power loss would leave: contents by file number at their last sync, names by folder at its last sync."""

    bytes: dict[int, str] = field(default_factory=dict)
    names: dict[str, dict[str, int]] = field(default_factory=dict)
    commits: list[set[str]] = field(default_factory=list)
    """For each commit, the files of the house that were there but would not have survived."""
    roots: tuple[Path, ...] = ()

    def sync(self, descriptor: int) -> None:
        found, path = os.fstat(descriptor), Path(f"/proc/self/fd/{descriptor}").readlink()
        if stat.S_ISDIR(found.st_mode):
            self.names[str(path)] = {p.name: p.stat().st_ino for p in path.iterdir()}
        else:
            self.bytes[found.st_ino] = hashlib.sha256(path.read_bytes()).hexdigest()

    def at_commit(self) -> None:
        lost = set()
        for path in (p for root in self.roots for p in root.rglob("*") if p.is_file() and p.suffix != ".lock"):
            number = path.stat().st_ino
            named = self.names.get(str(path.parent), {}).get(path.name) == number
            if not named or self.bytes.get(number) != hashlib.sha256(path.read_bytes()).hexdigest():
                lost.add(path.name)
        self.commits.append(lost)


@pytest.fixture
def platter(app: TeleradFlask, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platter]:
    """Looks at this world's files at every commit of a writing transaction."""
    house = app.house
    found = Platter(roots=(house.config.uploads / world.hospital.code, house.config.blobs / "t" / world.hospital.code))
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        fsync(descriptor)
        found.sync(descriptor)

    def committed(connection: Any) -> None:
        if connection.get_execution_options().get("telerad_begin"):
            found.at_commit()

    monkeypatch.setattr(os, "fsync", watched)
    with app.app_context():
        engine = flask_db.engine
    sa.event.listen(engine, "commit", committed)
    yield found
    sa.event.remove(engine, "commit", committed)


def image(world: World) -> bytes:
    uid = f"1.2.826.0.1.3680043.9.8.{world.hospital.id}"
    return changed(sample("MR_small.dcm"), StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1", SOPInstanceUID=f"{uid}.1.1")


def by_form(world: World, make_study: Any) -> None:
    answer = world.technician.call("POST", "/uploads", data={"file": [(io.BytesIO(image(world)), "a.dcm")]},
                                   content_type="multipart/form-data")
    assert answer.status_code == 202
    world.drain()


def by_tus(world: World, make_study: Any) -> None:
    data = image(world)
    name = base64.b64encode(b"a.dcm").decode()
    made = world.technician.call("POST", "/uploads/tus", headers={
        "Upload-Length": str(len(data)), "Upload-Metadata": f"filename {name}"})
    path = made.headers["Location"].partition(f"/t/{world.hospital.code}")[2]
    for start, end in ((0, 3000), (3000, len(data))):
        answer = world.technician.call("PATCH", path, data=data[start:end], headers={
            "Upload-Offset": str(start), "Content-Type": "application/offset+octet-stream"})
        assert answer.status_code == 204
    world.drain()


def by_saving_a_report(world: World, make_study: Callable[..., Study]) -> None:
    request = confirmed(world, make_study)
    world.drain()
    client, page = world.doctor.browser(), f"/t/{world.hospital.code}/requests/{request['id']}/report"
    assert client.post(f"{page}/save", data={"csrf_token": csrf(client, page)}).status_code == 303


WAYS = [by_form, by_tus, by_saving_a_report]


@pytest.mark.parametrize("way", WAYS)
def test_no_commit_names_what_a_power_loss_would_take(
    world: World, make_study: Callable[..., Study], platter: Platter, way: Callable[..., None]
) -> None:
    way(world, make_study)
    assert len(platter.commits) >= 3
    assert [lost for lost in platter.commits if lost] == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", ["files", "folders"])
def test_a_sync_that_is_left_out_is_seen(
    world: World, make_study: Callable[..., Study], platter: Platter, monkeypatch: pytest.MonkeyPatch,
    way: Callable[..., None], what: str,
) -> None:
    watched = os.fsync

    def lazy(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) != (what == "folders"):
            watched(descriptor)

    monkeypatch.setattr(os, "fsync", lazy)
    way(world, make_study)
    assert any(platter.commits)


def test_the_bytes_of_what_was_stored_are_those_that_were_sent(world: World, make_study: Any) -> None:
    by_tus(world, make_study)
    with world.app.app_context(), all_tenants() as db:
        blob = db.scalars(sa.select(Blob).where(Blob.tenant_id == world.hospital.id)).one()
        assert db.scalars(sa.select(UploadFile.outcome).where(UploadFile.tenant_id == world.hospital.id)).one() == "stored"
    assert world.app.house.disk.read(storage_key(world.hospital.code, blob.sha256, blob.gen)) == image(world)
