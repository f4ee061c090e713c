"""One story over the house, told by a client that keeps its own journal of what it was promised.

The client repeats what got no answer, under the same key, as a real one does; a refusal of what was promised breaks it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core import clock
from core.app import TeleradFlask
from core.tenancy import actions as tenancy
from core.tenancy.sessions import all_tenants
from core.work import runner
from core.work.models import Notice
from plugin_sdk.api import Plugin, Registry
from plugin_sdk.events import StudyReceived
from plugin_sdk.types import Ctx
from plugins.billing import actions as billing
from plugins.billing.actions import Line
from tests.conftest import World, make_member, numbers
from tests.core.intake.objects import changed, sample

HERE = __name__
TEXT = {"findings": "双肺纹理清晰，右肺上叶见一结节。", "impression": "右肺上叶结节。", "positive": True}


class Refused(AssertionError):
    """A client that did all right was refused."""


class Probe(Plugin):
    """Hears of a study and does something that must not be done twice: neither handler is idempotent by itself."""

    name = "probe"
    title = "probe"

    def register(self, reg: Registry) -> None:
        reg.listen(StudyReceived, f"{HERE}:heard")
        reg.job("probe.later", f"{HERE}:later")
        reg.notice_kind("probe.heard", "probe", "work.notices")
        reg.notice_kind("probe.later", "probe", "work.notices")


def heard(ctx: Ctx, event: StudyReceived) -> None:
    admin = ctx.users.holding("hospital.role.manage") or ctx.users.holding("hospital.study.upload")
    ctx.notify("probe.heard", users=[admin[0].id], ref=f"probe:event:{event.id}")
    ctx.at_time(ctx.now(), "probe.later", key=f"later:{event.id}", event=event.id, user=admin[0].id)


def later(ctx: Ctx, *, event: str, user: int) -> None:
    ctx.notify("probe.later", users=[user], ref=f"probe:timer:{event}")


def make_world(app: TeleradFlask) -> World:
    n = next(numbers)
    with app.app_context(), all_tenants(write=True) as db:
        hospital = tenancy.create(db, app.house, code=f"H{n:05d}", kind="hospital", name=f"医院{n}")
        group = tenancy.create(db, app.house, code=f"G{n:05d}", kind="group", name=f"诊断组{n}")
        link = tenancy.connect(db, hospital=hospital, group=group)
        hospital.plugins = {**hospital.plugins, "probe": "on"}
    world = World(app, hospital, group, link)
    with app.app_context(), app.house.system_ctx(group.id) as ctx:  # so that confirming charges
        line = Line(reader=0, reader_name="", modality="", fen=10001)
        billing.save(ctx, ctx.links.get(link.id), [line], urgent_percent=150, diagnosis_percent=70, base=0)
    with app.app_context():
        for name, tenant, role in (("technician", hospital, "technician"), ("doctor", hospital, "doctor"),
                                   ("reader", group, "reader"), ("reviewer", group, "reviewer")):
            world.people[name] = make_member(app, tenant, role, name)
    return world


@dataclass
class Journal:
    """What was promised, each line on disk before the client goes on. Lies outside the house."""

    path: Path
    said: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Journal:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return cls(path, {k: v for line in lines for k, v in json.loads(line).items()})

    def note(self, step: str, value: Any) -> Any:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({step: value}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.said[step] = value
        return value

    def once(self, step: str, do: Callable[[], Any]) -> Any:
        return self.said[step] if step in self.said else self.note(step, do())


def objects(world: World) -> list[bytes]:
    """Three images of one study, other ones in every world."""
    uid = f"1.2.826.0.1.3680043.9.7.{world.hospital.id}"
    return [
        changed(sample("MR_small.dcm"), StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1", SOPInstanceUID=f"{uid}.1.{i}",
                InstanceNumber=i, PatientID=f"P{world.hospital.id}")
        for i in (1, 2, 3)
    ]


def ok(answer: Any, *statuses: int) -> Any:
    if answer.status_code not in statuses:
        raise Refused(f"{answer.request.method} {answer.request.path}: {answer.status_code} {answer.get_data(as_text=True)[:200]}")
    return answer


def tell(world: World, journal: Journal) -> None:
    """The whole story; what the journal has is not done again."""
    first, second, third = objects(world)
    uploads = [journal.once("upload", lambda: multipart(world, first, second)), tus(world, journal, third)]
    world.drain()
    study = journal.once("stored", lambda: stored(world, uploads))
    request = journal.once("request", lambda: ask(world, study))
    for who, event, body in (
        (world.reader, "accept", {}), (world.reader, "open", {}), (world.reader, "send_to_review", TEXT),
        (world.reviewer, "start_review", {}), (world.reviewer, "approve", {}), (world.doctor, "confirm", None),
    ):
        if body is None:
            seen = ok(world.doctor.call("GET", f"/requests/{request}"), 200).get_json()
            body = {"sha256": seen["report"]["sha256"]}
        journal.once(event, lambda who=who, event=event, body=body: move(who, journal, request, event, body))
    world.drain()


def multipart(world: World, *files: bytes) -> str:
    answer = world.technician.call(
        "POST", "/uploads", data={"file": [(io.BytesIO(f), f"{n}.dcm") for n, f in enumerate(files)]},
        content_type="multipart/form-data",
    )
    return str(ok(answer, 202).get_json()["id"])


def tus(world: World, journal: Journal, data: bytes) -> str:
    name = base64.b64encode(b"third.dcm").decode()
    where = journal.once("announced", lambda: ok(world.technician.call(
        "POST", "/uploads/tus", headers={"Upload-Length": str(len(data)), "Upload-Metadata": f"filename {name}"}
    ), 201).headers["Location"])
    path = where.partition(f"/t/{world.hospital.code}")[2]

    def send() -> str:
        offset = int(ok(world.technician.call("HEAD", path), 200).headers["Upload-Offset"])
        half = offset + (len(data) - offset + 1) // 2 if offset == 0 else len(data)
        for end in sorted({half, len(data)}):
            if offset < end:
                ok(world.technician.call("PATCH", path, data=data[offset:end], headers={
                    "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}), 204)
                journal.note("synced", end)
                offset = end
        return path.rpartition("/")[2]

    return str(journal.once("sent", send))


def stored(world: World, uploads: list[str]) -> str:
    studies = set()
    for upload in uploads:
        said = ok(world.technician.call("GET", f"/uploads/{upload}"), 200).get_json()
        if said["state"] != "done" or {f["outcome"] for f in said["files"]} - {"stored", "duplicate"}:
            raise Refused(f"upload {said['state']} {[(f['outcome'], f['reason']) for f in said['files']]}")
        studies |= {f["study_id"] for f in said["files"]}
    return str(studies.pop())


def ask(world: World, study: str) -> str:
    body = {"study_id": study, "group": world.group.code, "parts": [{"name": "胸部", "count": 1}]}
    answer = world.doctor.call("POST", "/requests", body, headers={"Idempotency-Key": f"ask-{world.hospital.code}"})
    return str(ok(answer, 201).get_json()["id"])


def move(who: Any, journal: Journal, request: str, event: str, body: dict[str, Any]) -> int:
    """Moves carry the version that was seen before the first try, as a page does."""
    version = journal.once(f"{event}.version", lambda: ok(who.call("GET", f"/requests/{request}"), 200).get_json()["version"])
    answer = who.call("POST", f"/requests/{request}/{event}", {"version": version, **body},
                      headers={"Idempotency-Key": f"{event}-{request}"})
    return int(ok(answer, 200).get_json()["version"])


def told(world: World, kind: str) -> dict[str, int]:
    """How often each event was told of."""
    with all_tenants() as db:
        rows = db.execute(
            sa.select(Notice.ref, sa.func.count()).where(Notice.tenant_id == world.hospital.id, Notice.kind == kind)
            .group_by(Notice.ref)
        )
        return {ref.rpartition(":")[2]: n for ref, n in rows}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def settle(world: World) -> None:
    """Leases of the dead run out, waits between tries too."""
    for _ in range(3):
        clock.shift(runner.turns.LEASE * 2)
        world.drain()
