"""Database, store and manifests: what differs is found, named, and mended where that needs no guess."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image

from core import clock
from core.app import TeleradFlask
from core.audit.models import Audit
from core.backup import create
from core.intake.models import HeldItem
from core.reconcile.run import reconcile
from core.store import manifests, sweep
from core.store.blobs import sha256_of, storage_key
from core.store.models import Blob, StoredFile
from core.studies.models import Instance, InstanceFrames, Series, Study
from core.tenancy.sessions import all_tenants
from core.work import clockwork, runner
from tests.core.audit.prompt import at_the_prompt
from tests.core.backup.places import Place, new_place, stored, without_bytes
from tests.core.backup.test_backup import PLAIN, flip
from tests.core.intake.objects import images


@pytest.fixture
def place(app: TeleradFlask, database_url: str, tmp_path: Path) -> Iterator[Place]:
    with new_place(database_url, tmp_path / "house", studies=3) as made:
        runner.drain(made.house)
        yield made


def found(place: Place, **how: Any) -> list[tuple[str, bool]]:
    return [(d.kind, d.mended) for d in reconcile(place.house, **how)]


def object_of(place: Place, number: int = 0) -> Path:
    return sorted((place.data / "store" / "t" / place.world.hospital.code / "o").glob("*/*/*"))[number]


def age(path: Path) -> None:
    old = time.time() - 2 * 3600
    os.utime(path, (old, old))


def test_a_house_in_order_has_no_differences(place: Place) -> None:
    assert found(place, deep=True) == []


def test_a_row_without_bytes_is_named_and_comes_back_from_a_backup(place: Place, tmp_path: Path) -> None:
    create.create(place.house, tmp_path / "backup", PLAIN)
    object_of(place).unlink()
    assert found(place) == [("bytes.missing", False)]
    assert found(place, repair=True) == [("bytes.missing", False)]
    assert found(place, repair=True, backup=tmp_path / "backup") == [("bytes.missing", True)]
    assert found(place, deep=True) == [] and without_bytes(place.data / "store") == []


def test_a_wrong_digest_is_found_by_reading_and_the_same_image_sent_again_heals_it(place: Place, tmp_path: Path) -> None:
    flip(object_of(place), 3000)
    assert found(place) == []
    assert found(place, deep=True, repair=True) == [("bytes.digest", False)]
    assert len(list((place.data / "store").rglob("*.damaged"))) == 1
    (tmp_path / "again").mkdir()
    for number, data in enumerate(images(6, studies=3)):
        (tmp_path / "again" / f"{number}.dcm").write_bytes(data)
    from core.intake.command import ingest_paths

    *_, counts = ingest_paths(place.house, place.world.hospital.code, [tmp_path / "again"])
    assert counts["counts"]["duplicate"] == 6
    assert found(place, deep=True) == []


def test_bytes_without_a_row_are_adopted_once_they_are_an_hour_old(place: Place) -> None:
    lost = {uid: sha256 for (_, uid), sha256 in stored().items()}
    with all_tenants(write=True) as session:
        row = session.scalars(sa.select(Instance).limit(1)).one()
        blob, uid = row.blob_id, row.sop_uid
        path = place.data / "store" / storage_key(place.world.hospital.code, lost[uid])
        for model, where in ((InstanceFrames, InstanceFrames.instance_id == row.id), (Instance, Instance.id == row.id),
                             (Blob, Blob.id == blob)):
            session.execute(sa.delete(model).where(where).execution_options(synchronize_session=False))
    kinds = [kind for kind, _ in found(place)]
    assert "bytes.no_row" not in kinds and "counts" in kinds
    age(path)
    assert ("bytes.no_row", False) in found(place)
    assert ("bytes.no_row", True) in found(place, repair=True)
    assert {uid: sha256 for (_, uid), sha256 in stored().items()} == lost
    runner.drain(place.house)
    found(place, repair=True)
    assert found(place, deep=True) == []


def test_bytes_that_are_no_image_go_to_the_held_tray_and_none_is_deleted(place: Place) -> None:
    data = b"no image at all"
    key = storage_key(place.world.hospital.code, sha256_of(data))
    place.house.blobs.keep(place.world.hospital.code, sha256_of(data), data)
    age(place.data / "store" / key)
    assert found(place, repair=True) == [("bytes.no_row", True)]
    assert (place.data / "store" / key).read_bytes() == data
    with all_tenants() as session:
        assert session.scalars(sa.select(HeldItem.detail)).all() == ["reconcile"]
    assert found(place) == []


def test_counts_that_differ_are_counted_again(place: Place) -> None:
    with all_tenants(write=True) as session:
        study = session.scalars(sa.select(Study).limit(1)).one()
        study.n_instances, ref = 99, study.public_id
    [one] = [d for d in reconcile(place.house, repair=True) if d.kind == "counts"]
    assert one.mended and one.ref.endswith(ref) and "/99/" in one.said and "counted 1/2/" in one.said
    assert found(place) == []


def test_each_complete_study_has_a_manifest_that_is_written_again_when_it_is_gone(place: Place) -> None:
    with all_tenants() as session:
        [study, *_] = session.scalars(sa.select(Study).order_by(Study.id)).all()
    folder = place.data / "store" / manifests.folder(place.world.hospital.code, study.public_id)
    told = manifests.newest(place.house, place.world.hospital.code, study.public_id)
    assert told is not None and told["uid"] == study.uid
    assert sorted(i["sha256"] for s in told["series"] for i in s["images"]) == sorted(
        sha256 for (_, uid), sha256 in stored().items() if uid in {i["uid"] for s in told["series"] for i in s["images"]}
    )
    [path] = folder.iterdir()
    path.unlink()
    assert found(place) == [("manifest.missing", False)]
    assert found(place, repair=True) == [("manifest.missing", True)]
    assert found(place) == []
    with all_tenants(write=True) as session:
        session.execute(sa.update(Series).where(Series.study_id == study.id).values(hidden=True))
    assert found(place, repair=True) == [("manifest.older", True)]


def test_a_manifest_newer_than_its_rows_is_never_written_over(place: Place) -> None:
    with all_tenants() as session:
        study = session.scalars(sa.select(Study).limit(1)).one()
    told = manifests.newest(place.house, place.world.hospital.code, study.public_id)
    assert told is not None
    manifests.write(place.house, place.world.hospital.code, {**told, "version": told["version"] + 1})
    assert found(place, repair=True) == [("manifest.newer", False)]


def test_an_audit_chain_that_was_changed_is_named(place: Place) -> None:
    with at_the_prompt() as session:
        session.execute(sa.update(Audit).where(Audit.tenant_id == place.world.hospital.id).values(ref="x"))
    assert ("audit.broken", False) in found(place, repair=True)


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    return out.getvalue()


def kept_file(place: Place) -> tuple[int, Path]:
    """A file of the hospital. :return: its row and where its bytes are"""
    with place.house.system_ctx(place.world.hospital.id) as ctx:
        kept = ctx.files.keep(picture())
        row = ctx.files.put_row(kept, kind="attachment", media="image/png", name="a.png")
        return row.id, place.data / "store" / storage_key(place.world.hospital.code, kept.sha256)


def let_go(file_id: int) -> None:
    with all_tenants(write=True) as session:
        session.execute(sa.delete(StoredFile).where(StoredFile.id == file_id))


def test_bytes_that_nothing_points_to_go_after_thirty_days_and_no_day_earlier(place: Place) -> None:
    file_id, path = kept_file(place)
    assert sweep.sweep(place.house) == 0
    let_go(file_id)
    assert sweep.sweep(place.house) == 0
    clock.shift(timedelta(days=29))
    assert sweep.sweep(place.house) == 0 and path.exists()
    clock.shift(timedelta(days=2))
    assert sweep.sweep(place.house) == 1 and not path.exists()
    assert without_bytes(place.data / "store") == [] and len(stored()) == 6


def test_bytes_that_are_wanted_again_stay(place: Place) -> None:
    file_id, path = kept_file(place)
    let_go(file_id)
    sweep.sweep(place.house)
    clock.shift(timedelta(days=31))
    kept_file(place)
    assert sweep.sweep(place.house) == 0 and path.exists()
    clock.shift(timedelta(days=31))
    assert sweep.sweep(place.house) == 0 and path.exists()


def test_nothing_is_swept_while_a_backup_runs(place: Place) -> None:
    file_id, path = kept_file(place)
    let_go(file_id)
    sweep.sweep(place.house)
    clock.shift(timedelta(days=31))
    assert clockwork.hold(create.RUNNING, "a backup", create.LIFE)
    assert sweep.sweep(place.house) == 0 and path.exists()
    clock.shift(create.LIFE * 2)
    assert sweep.sweep(place.house) == 1


def test_bytes_that_come_while_the_sweeper_takes_them_away_get_a_place_of_their_own(place: Place) -> None:
    file_id, path = kept_file(place)
    let_go(file_id)
    with all_tenants(write=True) as session:
        session.execute(sa.update(Blob).where(Blob.sha256 == path.name[:64]).values(state="dying"))
    kept_file(place)
    assert path.with_name(f"{path.name[:64]}.1").exists()
    sweep.sweep(place.house)
    assert not path.exists() and path.with_name(f"{path.name[:64]}.1").read_bytes() == picture()
