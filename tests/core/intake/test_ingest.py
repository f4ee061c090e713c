"""What becomes of an object: once, whatever it is wrapped in; nothing shown that was held; counts that are the rows'."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydicom import dcmread

from core import clock
from core.demo.phantom import DemoPatient, chest_ct
from core.intake.child import Parser
from core.intake.ingest import ingest_files
from core.intake.models import HeldItem, Upload, UploadFile
from core.intake.process import process_upload
from core.store.blobs import sha256_of, storage_key
from core.store.models import Blob
from core.studies.models import Instance, InstanceFrames, Patient, Series, Study, StudyModality
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work.models import Outbox
from plugin_sdk.api import hookimpl
from plugin_sdk.dicom.digests import digests
from plugin_sdk.types import Hold, IngestItem
from tests.conftest import World
from tests.core.intake.objects import changed, sample
from tests.core.intake.test_uploads import outcomes, send

CT, MR = sample(), sample("MR_small.dcm")
PATIENT = DemoPatient("测试甲", "T0001", "M", date(1968, 5, 1), "GB18030")


def one(world: World, data: bytes) -> tuple[str, str]:
    """Outcome and reason of one file."""
    [(_, outcome, reason)] = outcomes(send(world, ("a.dcm", data)))
    return outcome, reason


def wrapped(data: bytes) -> bytes:
    """The same data set behind another file meta information (PS3.10 7.1)."""
    dataset = dcmread(io.BytesIO(changed(data)))
    dataset.file_meta.SourceApplicationEntityTitle = "OTHERDOOR"
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def rows_of(world: World, model: Any) -> list[Any]:
    with world.app.app_context(), all_tenants() as db:
        keys = model.__table__.primary_key.columns
        return list(db.scalars(sa.select(model).where(model.tenant_id == world.hospital.id).order_by(*keys)))


def kept_bytes(world: World, blob_id: int) -> bytes:
    blob = next(b for b in rows_of(world, Blob) if b.id == blob_id)
    with world.app.app_context():
        return bytes(world.app.house.blobs.read(storage_key(world.hospital.code, blob.sha256, blob.gen)))


def no_row_without_its_bytes(world: World) -> bool:
    return all(sha256_of(kept_bytes(world, blob.id)) == blob.sha256 for blob in rows_of(world, Blob))


def everything(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a hospital that intake writes, to compare."""
    models: tuple[Any, ...] = (Patient, Study, StudyModality, Series, Instance, InstanceFrames, Blob, HeldItem, UploadFile)
    return {m.__name__: [tuple(getattr(row, c.name) for c in m.__table__.columns) for row in rows_of(world, m)] for m in models}


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six images of one study in two series."""
    at = datetime(2026, 11, 25, 8, 51)
    return chest_ct(tmp_path_factory.mktemp("ct"), patient=PATIENT, at=at, slices=4, size=64, seed=7)


def test_the_same_bytes_are_known_even_twice_in_one_upload(world: World) -> None:
    found = send(world, ("a.dcm", CT), ("b.dcm", CT))
    assert sorted(outcomes(found)) == [("a.dcm", "stored", ""), ("b.dcm", "duplicate", "same_bytes")]
    assert next(f["text"] for f in found["files"] if f["name"] == "b.dcm") == "已存在"
    assert len(rows_of(world, Instance)) == len(rows_of(world, Blob)) == 1


def test_the_same_data_set_behind_another_file_meta_is_known_and_not_kept_twice(world: World) -> None:
    plain = changed(CT)
    other = wrapped(CT)
    assert sha256_of(plain) != sha256_of(other)
    assert one(world, plain) == ("stored", "")
    assert one(world, other) == ("duplicate", "same_bytes")
    assert [b.sha256 for b in rows_of(world, Blob)] == [sha256_of(plain)]


def test_another_wrapping_of_an_image_in_the_bin_is_held_with_its_own_bytes(world: World) -> None:
    plain, other = changed(CT), wrapped(CT)
    assert one(world, plain) == ("stored", "")
    trash(world)
    assert one(world, other) == ("held", "study_trashed")
    [held] = rows_of(world, HeldItem)
    assert kept_bytes(world, held.blob_id) == other
    assert no_row_without_its_bytes(world)


def trash(world: World) -> None:
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.update(Study).where(Study.tenant_id == world.hospital.id).values(trashed_at=clock.now()))


def test_other_bytes_under_a_known_image_number_are_kept_with_the_next_rank_and_never_served(world: World) -> None:
    first, other = changed(CT, SeriesDescription="FIRST TEXT"), changed(CT, SeriesDescription="OTHER TEXT")
    third = changed(CT, SeriesDescription="THIRD TEXT")
    assert one(world, first) == ("stored", "")
    assert one(world, other) == one(world, third) == ("held", "sop_conflict")
    assert one(world, other) == ("duplicate", "same_bytes")
    found = rows_of(world, Instance)
    assert [(i.rank, kept_bytes(world, i.blob_id)) for i in found] == [(0, first), (1, other), (2, third)]
    [study] = rows_of(world, Study)
    assert (study.n_instances, study.bytes, study.conflicted) == (1, len(first), True)
    browser = world.technician.browser()
    base = f"/t/{world.hospital.code}/dicom-web/studies/{study.uid}"
    whole = browser.get(base, headers={"Accept": 'multipart/related; type="application/dicom"'})
    assert whole.status_code == 200
    assert whole.data.count(b"FIRST TEXT") == 1
    assert b"OTHER TEXT" not in whole.data and b"THIRD TEXT" not in whole.data
    assert len(browser.get(f"{base}/metadata").get_json()) == 1
    assert len(browser.get(f"{base}/instances").get_json()) == 1


def test_a_file_that_breaks_off_is_held_with_every_byte_that_came(world: World) -> None:
    cut = CT[:-3000]
    found = send(world, ("断.dcm", cut))
    assert outcomes(found) == [("断.dcm", "held", "truncated")]
    assert found["files"][0]["text"] == "文件不完整，已保留待处理"
    [held] = rows_of(world, HeldItem)
    assert (held.name, held.reason, held.state, kept_bytes(world, held.blob_id)) == ("断.dcm", "truncated", "open", cut)
    assert rows_of(world, Study) == rows_of(world, Instance) == []


def test_a_refused_file_leaves_nothing(world: World) -> None:
    assert one(world, b"\x00" * 400) == ("refused", "not_dicom")
    assert rows_of(world, Blob) == rows_of(world, HeldItem) == []
    assert list((world.app.house.config.uploads / world.hospital.code).iterdir()) == []


def test_the_same_study_in_two_hospitals_is_two_studies_that_share_not_even_bytes(
    world: World, make_world: Callable[..., World]
) -> None:
    other = make_world()
    assert one(world, CT) == one(other, CT) == ("stored", "")
    mine, theirs = rows_of(world, Study)[0], rows_of(other, Study)[0]
    assert mine.uid == theirs.uid and mine.public_id != theirs.public_id
    assert {b.id for b in rows_of(world, Blob)}.isdisjoint(b.id for b in rows_of(other, Blob))


def test_counts_are_those_of_the_rows(world: World, slices: list[Path]) -> None:
    files = [(p.name, p.read_bytes()) for p in slices]
    conflict = changed(files[5][1], SeriesDescription="other")
    found = send(
        world, *files, ("again.dcm", files[0][1]), ("conflict.dcm", conflict), ("mr.dcm", MR), ("ct.dcm", CT),
        ("cut.dcm", files[2][1][:-100]), ("no.dcm", b"no image at all"),
    )
    assert found["counts"] == {"files": 12, "stored": 8, "duplicate": 1, "held": 2, "refused": 1}
    shown: dict[int, list[int]] = {i.series_id: [] for i in rows_of(world, Instance)}
    sizes = {b.id: b.size for b in rows_of(world, Blob)}
    for row in rows_of(world, Instance):
        if row.rank == 0:
            shown[row.series_id].append(sizes[row.blob_id])
    series = rows_of(world, Series)
    assert {s.id: s.n_instances for s in series} == {s: len(images) for s, images in shown.items()}
    for study in rows_of(world, Study):
        mine = [s for s in series if s.study_id == study.id]
        assert study.n_series == len(mine)
        assert study.n_instances == sum(s.n_instances for s in mine)
        assert study.bytes == sum(sum(shown[s.id]) for s in mine)
        assert study.modalities == "/".join(sorted({s.modality for s in mine}))
        assert [m.modality for m in rows_of(world, StudyModality) if m.study_id == study.id] == study.modalities.split("/")
    biggest = max(rows_of(world, Study), key=lambda s: s.n_instances)
    assert (biggest.n_series, biggest.n_instances, biggest.modalities) == (2, 6, "CT")
    assert no_row_without_its_bytes(world)


def test_the_digests_and_the_header_of_an_image_are_those_of_its_bytes(world: World, tmp_file: Path) -> None:
    tmp_file.write_bytes(CT)
    assert one(world, CT) == ("stored", "")
    [image], [frames], [blob] = rows_of(world, Instance), rows_of(world, InstanceFrames), rows_of(world, Blob)
    meta = 144 + int.from_bytes(CT[140:144], "little")    # PS3.10 7.1: preamble, DICM, group length element
    assert (blob.sha256, image.data_sha256) == digests(tmp_file, meta) == (sha256_of(CT), sha256_of(CT[meta:]))
    header = json.loads(gzip.decompress(frames.meta))
    assert header["00080018"]["Value"] == [image.sop_uid]
    pixels = CT[frames.pixel_offset : frames.pixel_offset + frames.pixel_length]
    assert len(pixels) == 128 * 128 * 2 and "7FE00010" not in {k for k, v in header.items() if "Value" in v}


def test_processing_an_upload_twice_changes_nothing(world: World, slices: list[Path]) -> None:
    found = send(world, *[(p.name, p.read_bytes()) for p in slices], ("cut.dcm", CT[:-100]), ("no.txt", b"x"))
    before, events = everything(world), len(rows_of(world, Outbox))
    for state in ("done", "processing"):
        with world.app.app_context():
            with all_tenants(write=True) as db:
                db.execute(sa.update(Upload).where(Upload.public_id == found["id"]).values(state=state))
            with world.app.house.system_ctx(world.hospital.id, account_id=world.technician.account.id) as ctx:
                process_upload(ctx, upload=found["id"])
        assert everything(world) == before
        assert result(world, found["id"]) == found
    assert len(rows_of(world, Outbox)) >= events


def test_letting_the_same_files_in_again_makes_no_row(world: World, slices: list[Path]) -> None:
    def let_in() -> list[str]:
        with (
            world.app.app_context(), Parser() as parser,
            world.app.house.system_ctx(world.hospital.id, account_id=world.technician.account.id) as ctx,
        ):
            found = ingest_files(ctx, slices, names=[p.name for p in slices], source_id=None, parser=parser)
        return [o.outcome for o in found]

    assert let_in() == ["stored"] * 6
    before = everything(world)
    assert let_in() == ["duplicate"] * 6
    assert everything(world) == before


def test_an_upload_that_waits_counts_its_files_and_says_nothing_of_them(world: World) -> None:
    data = {"file": [(io.BytesIO(CT), "a.dcm"), (io.BytesIO(MR), "b.dcm")]}
    sent = world.technician.call("POST", "/uploads", data=data, content_type="multipart/form-data").get_json()
    assert sent["state"] == "processing"
    waiting = result(world, sent["id"])
    assert (waiting["state"], waiting["counts"]["files"], waiting["counts"]["stored"]) == ("processing", 2, 0)
    assert {(f["outcome"], f["text"]) for f in waiting["files"]} == {("", "")}
    world.drain()
    assert result(world, sent["id"])["counts"]["stored"] == 2


def result(world: World, upload: str) -> dict[str, Any]:
    return world.technician.call("GET", f"/uploads/{upload}").get_json()  # type: ignore[no-any-return]


class Fussy:
    """A plugin that holds CT, changes MR and fails over the rest."""

    @hookimpl
    def ingest(self, item: IngestItem) -> IngestItem | Hold:
        if item.header["Modality"] == "CT":
            return Hold(reason="no_order", text="没有检查申请")
        if item.header["Modality"] == "MR":
            return dataclasses.replace(item, header={**item.header, "AccessionNumber": "FROM-RIS", "SOPInstanceUID": "1.2"})
        raise RuntimeError("no idea")


@contextmanager
def plugin_on(world: World, plugin: object) -> Iterator[None]:
    """Have a plugin installed and enabled in a hospital, as the loader and the plugin page do."""
    name = f"fussy{world.hospital.id}"
    manager = world.app.house.plugins.manager
    manager.register(plugin, name=name)
    with world.app.app_context(), all_tenants(write=True) as db:
        row = db.get_one(Tenant, world.hospital.id)
        row.plugins = {**row.plugins, name: "on"}
    try:
        yield
    finally:
        manager.unregister(name=name)


def test_a_plugin_may_hold_an_image_with_its_own_words(world: World) -> None:
    with plugin_on(world, Fussy()):
        found = send(world, ("ct.dcm", CT))
    assert outcomes(found) == [("ct.dcm", "held", "plugin")]
    assert found["files"][0]["text"] == "没有检查申请"
    [held] = rows_of(world, HeldItem)
    assert kept_bytes(world, held.blob_id) == CT
    assert rows_of(world, Study) == []


def test_another_wrapping_of_a_stored_image_that_a_plugin_holds_keeps_its_own_bytes(world: World) -> None:
    assert one(world, changed(CT)) == ("stored", "")
    with plugin_on(world, Fussy()):
        assert one(world, wrapped(CT)) == ("held", "plugin")
    assert no_row_without_its_bytes(world)


def test_a_plugin_that_fails_holds_the_image_and_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.app.house.plugins, "strict", False)  # where people work, a fault holds; here it would raise
    other = changed(CT, Modality="OT")
    with plugin_on(world, Fussy()):
        found = send(world, ("ot.dcm", other))
    assert outcomes(found) == [("ot.dcm", "held", "plugin_failed")]
    assert found["files"][0]["text"] == "插件检查失败，已保留"
    [held] = rows_of(world, HeldItem)
    assert kept_bytes(world, held.blob_id) == other


def test_a_plugin_may_correct_what_is_listed_but_not_what_identifies_an_image_nor_its_bytes(world: World) -> None:
    with plugin_on(world, Fussy()):
        assert one(world, MR) == ("stored", "")
    [study], [image] = rows_of(world, Study), rows_of(world, Instance)
    assert study.accession == "FROM-RIS"
    assert image.sop_uid != "1.2"
    assert kept_bytes(world, image.blob_id) == MR


def test_a_plugin_of_another_hospital_has_no_say(world: World, make_world: Callable[..., World]) -> None:
    other = make_world()
    with plugin_on(other, Fussy()):
        assert one(world, CT) == ("stored", "")
