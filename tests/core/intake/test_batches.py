"""Several files sent by tus as one upload: nothing begins before all is there, and its studies are complete once."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from core import clock
from core.audit.models import Audit
from core.intake import sweep
from core.intake.models import Upload, UploadFile
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from core.work.models import Outbox
from tests.conftest import Member, World
from tests.core.intake.objects import changed, packed, sample
from tests.core.intake.test_uploads import outcomes


def slices(n: int) -> list[bytes]:
    return [changed(sample(), SOPInstanceUID=f"1.2.3.{i}", InstanceNumber=i) for i in range(1, n + 1)]


def begin(member: Member) -> str:
    answer = member.call("POST", "/uploads", json={})
    assert answer.status_code == 202
    assert answer.get_json()["state"] == "receiving"
    return str(answer.get_json()["id"])


def announce(member: Member, batch: str, name: str, size: int) -> Any:
    said = ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in (("filename", name), ("batch", batch))
    )
    return member.call("POST", "/uploads/tus", headers={"Upload-Length": str(size), "Upload-Metadata": said})


def put(member: Member, batch: str, name: str, data: bytes, *, most: int | None = None) -> str:
    """Send a file, or only its first ``most`` bytes. :return: the path of its Location"""
    made = announce(member, batch, name, len(data))
    assert made.status_code == 201, made.get_json()
    path = str(made.headers["Location"]).partition(f"/t/{member.tenant.code}")[2]
    assert patch(member, path, 0, data[:most]).status_code == 204
    return path


def patch(member: Member, path: str, offset: int, data: bytes) -> Any:
    return member.call(
        "PATCH", path, data=data, content_type="application/offset+octet-stream", headers={"Upload-Offset": str(offset)}
    )


def result(member: Member, batch: str) -> dict[str, Any]:
    return member.call("GET", f"/uploads/{batch}").get_json()  # type: ignore[no-any-return]


def finish(world: World, batch: str) -> dict[str, Any]:
    assert world.technician.call("POST", f"/uploads/{batch}/finish", json={}).status_code == 202
    world.drain()
    return result(world.technician, batch)


@pytest.mark.feature("S-026")
def test_a_study_sent_file_by_file_in_one_batch_is_complete_once_and_nothing_of_it_is_late(world: World) -> None:
    batch = begin(world.technician)
    for n, data in enumerate(slices(5)):
        put(world.technician, batch, f"{n}.dcm", data)
    world.drain()
    waiting = result(world.technician, batch)
    assert (waiting["state"], waiting["counts"]["stored"]) == ("receiving", 0)
    done = finish(world, batch)
    assert done["state"] == "done"
    assert done["counts"] == {"files": 5, "stored": 5, "duplicate": 0, "held": 0, "refused": 0}
    assert outcomes(done) == [(f"{n}.dcm", "stored", "") for n in range(5)]
    with world.app.app_context(), all_tenants() as db:
        study = db.scalars(sa.select(Study).where(Study.tenant_id == world.hospital.id)).one()
        assert (study.n_instances, study.complete_at is not None) == (5, True)
        log = db.scalars(sa.select(Audit).where(Audit.tenant_id == world.hospital.id, Audit.kind == "study.received"))
        assert [entry.facts for entry in log] == [{"stored": 5, "duplicate": 0, "held": 0}]
        told = db.scalars(sa.select(Outbox.kind).where(Outbox.tenant_id == world.hospital.id).order_by(Outbox.id)).all()
        assert sorted(told) == ["StudyComplete", "StudyReceived"]


def test_a_file_that_is_not_whole_when_its_batch_is_finished_is_no_part_of_it(world: World) -> None:
    first, second = slices(2)
    batch = begin(world.technician)
    put(world.technician, batch, "whole.dcm", first)
    half = put(world.technician, batch, "half.dcm", second, most=100)
    assert outcomes(finish(world, batch)) == [("whole.dcm", "stored", "")]
    assert patch(world.technician, half, 100, second[100:]).status_code == 404


def test_finishing_twice_changes_nothing(world: World) -> None:
    batch = begin(world.technician)
    put(world.technician, batch, "a.dcm", sample())
    assert finish(world, batch) == finish(world, batch)


def test_a_finished_batch_takes_no_file_and_gives_none_back(world: World) -> None:
    batch = begin(world.technician)
    path = put(world.technician, batch, "a.dcm", sample())
    finish(world, batch)
    assert announce(world.technician, batch, "b.dcm", 10).status_code == 409
    assert world.technician.call("DELETE", path).status_code == 409
    assert outcomes(result(world.technician, batch)) == [("a.dcm", "stored", "")]


def test_a_file_of_a_batch_can_be_taken_back_even_when_it_is_whole(world: World) -> None:
    first, second = slices(2)
    batch = begin(world.technician)
    path = put(world.technician, batch, "wrong.dcm", first)
    put(world.technician, batch, "right.dcm", second)
    assert world.technician.call("DELETE", path).status_code == 204
    assert outcomes(finish(world, batch)) == [("right.dcm", "stored", "")]


@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_nobody_else_adds_to_a_batch_or_finishes_it(world: World, make_world: Any, who: str) -> None:
    other = world.h_admin if who == "colleague" else make_world().technician
    batch = begin(world.technician)
    assert announce(other, batch, "a.dcm", 10).status_code == 404
    assert other.call("POST", f"/uploads/{batch}/finish", json={}).status_code == 404
    assert result(world.technician, batch)["state"] == "receiving"


@pytest.mark.parametrize("batch", ["no id", "0" * 26, "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_a_batch_that_does_not_exist_takes_no_file(world: World, batch: str) -> None:
    assert announce(world.technician, batch, "a.dcm", 10).status_code == 404


def test_each_line_of_a_batch_says_which_file_it_came_from(world: World) -> None:
    first, second, third = slices(3)
    batch = begin(world.technician)
    plain = put(world.technician, batch, "same.dcm", first).rpartition("/")[2]
    archive = put(world.technician, batch, "all.zip", packed({"same.dcm": second, "b.dcm": third})).rpartition("/")[2]
    found = [(f["name"], f["parent"], f["id"]) for f in finish(world, batch)["files"]]
    assert found[0] == ("same.dcm", None, plain)
    assert [line[:2] for line in found[1:]] == [("all.zip/same.dcm", archive), ("all.zip/b.dcm", archive)]


def test_an_empty_file_is_refused_in_its_batch_and_takes_no_bytes(world: World) -> None:
    batch = begin(world.technician)
    made = announce(world.technician, batch, "empty.dcm", 0)
    path = str(made.headers["Location"]).partition(f"/t/{world.hospital.code}")[2]
    assert patch(world.technician, path, 0, b"").status_code == 409
    put(world.technician, batch, "a.dcm", sample())
    assert outcomes(finish(world, batch)) == [("empty.dcm", "refused", "empty"), ("a.dcm", "stored", "")]


def test_a_batch_without_files_is_done_with_nothing(world: World) -> None:
    done = finish(world, begin(world.technician))
    assert (done["state"], done["counts"]["files"]) == ("done", 0)


def test_what_was_whole_in_a_batch_that_nobody_finished_is_let_in_after_48_hours(world: World) -> None:
    first, second = slices(2)
    batch, empty = begin(world.technician), begin(world.technician)
    put(world.technician, batch, "whole.dcm", first)
    put(world.technician, batch, "half.dcm", second, most=100)
    swept(world, timedelta(hours=47, minutes=59))
    assert result(world.technician, batch)["state"] == "receiving"
    swept(world, timedelta(hours=48, minutes=1))
    assert world.technician.call("GET", f"/uploads/{empty}").status_code == 404
    clock.shift(timedelta(hours=49))
    world.drain()
    clock.reset()
    assert outcomes(result(world.technician, batch)) == [("whole.dcm", "stored", "")]
    with world.app.app_context(), all_tenants() as db:
        rows = sa.select(UploadFile.name).join(Upload, Upload.id == UploadFile.upload_id)
        assert db.scalars(rows.where(Upload.public_id == batch)).all() == ["whole.dcm"]


def swept(world: World, by: timedelta) -> None:
    clock.shift(by)
    with world.app.app_context():
        sweep.sweep(world.app.house)
    clock.reset()
