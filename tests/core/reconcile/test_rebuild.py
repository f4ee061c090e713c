"""A lost database: the store alone gives every study back, under the ids it had."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.app import TeleradFlask
from core.audit.models import Audit
from core.intake.command import ingest_paths
from core.intake.models import HeldItem
from core.reconcile import rebuild
from core.reconcile.run import reconcile
from core.run import migrate
from core.studies.models import Instance, Patient, Series, Study
from core.tenancy import actions as tenancy
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work import runner
from plugin_sdk.words import stamp
from tests.core.backup.places import Place, new_database, new_place, open_place, stored
from tests.core.intake.objects import changed, images

IDS = sa.select(
    Study.public_id, Study.uid, Patient.public_id, Study.uploaded_at, Study.uploaded_day, Study.complete_at, Study.trashed_at,
    Series.public_id, Series.uid, Series.hidden, Instance.public_id, Instance.sop_uid, Instance.rank, Instance.data_sha256, Study.n_series, Study.n_instances, Study.bytes,
).select_from(Study).join(Patient, Patient.id == Study.patient_id).join(Series, Series.study_id == Study.id).join(
    Instance, Instance.series_id == Series.id
)

VARIANTS = 6
"""Other bytes under one image's number: adopted in any order, shown in the old one."""


def index() -> set[tuple[Any, ...]]:
    """Times as a manifest has them: to the millisecond."""
    with all_tenants() as session:
        return {tuple(stamp(v) if isinstance(v, datetime) else v for v in row) for row in session.execute(IDS)}


@pytest.fixture
def lost(app: TeleradFlask, database_url: str, tmp_path: Path) -> Iterator[tuple[Place, set[tuple[Any, ...]], dict[Any, str]]]:
    """A house whose store is there and whose database is new; what stood in the old one."""
    with new_place(database_url, tmp_path / "house", studies=3) as old:
        (tmp_path / "others").mkdir()
        for n in range(VARIANTS):
            (tmp_path / "others" / f"{n}.dcm").write_bytes(changed(images(1)[0], ImageComments=f"other {n}"))
        *_, counts = ingest_paths(old.house, old.world.hospital.code, [tmp_path / "others"])
        assert counts["counts"]["held"] == VARIANTS
        with all_tenants(write=True) as session:
            first = session.scalars(sa.select(Study).order_by(Study.id).limit(1)).one()
            series = session.scalars(sa.select(Series).where(Series.study_id == first.id)).one()
            series.hidden, series.meta_version = True, series.meta_version + 1
        runner.drain(old.house)
        assert all(found.mended for found in reconcile(old.house, repair=True))
        was = index()
        files = {key: sha256 for key, sha256 in stored().items() if not key[1].endswith(".0.0")}  # that number has many bytes
        hospital = old.world.hospital.code
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    with open_place(tmp_path / "house", new_database(database_url, fresh, "rebuilt")) as place:
        migrate.upgrade(place.house)
        with all_tenants(write=True) as session:
            tenancy.create(session, place.house, code=hospital, kind="hospital", name="重建医院")
        yield place, was, files


def test_every_study_comes_back_with_its_ids_and_a_second_run_finds_nothing(
    lost: tuple[Place, set[tuple[Any, ...]], dict[Any, str]],
) -> None:
    place, was, _ = lost
    found = list(rebuild.rebuild(place.house))
    assert all(one.mended for one in found)
    assert sorted(one.kind for one in found if one.kind != "manifest.older") == ["bytes.no_row"] * (6 + VARIANTS) + ["manifest.ids"] * 3
    assert index() == was
    with all_tenants() as session:
        assert session.scalars(sa.select(Audit.facts).where(Audit.kind == "index.rebuilt")).all() == [{"stored": 6 + VARIANTS}]
    runner.drain(place.house)
    assert list(rebuild.rebuild(place.house)) == [] and list(reconcile(place.house, deep=True)) == []


def test_an_image_that_is_nowhere_and_a_folder_of_no_tenant_are_named(
    lost: tuple[Place, set[tuple[Any, ...]], dict[Any, str]],
) -> None:
    place, _, files = lost
    (code, uid), sha256 = next(iter(files.items()))
    next((place.data / "store").rglob(f"{sha256}.*")).unlink()
    (place.data / "store" / "t" / "H77777" / "o").mkdir(parents=True)
    left = [one for one in rebuild.rebuild(place.house) if not one.mended]
    assert [(one.kind, one.tenant) for one in left if one.kind != "manifest.older"] == [("tenant.unknown", "H77777"), ("image.lost", code)]
    assert "telerad tenant create H77777" in str(left[0]) and left[1].said == uid


def test_a_study_that_was_sent_again_since_keeps_the_id_it_has_now(
    lost: tuple[Place, set[tuple[Any, ...]], dict[Any, str]],
) -> None:
    place, was, _ = lost
    list(rebuild.rebuild(place.house))
    with all_tenants(write=True) as session:
        study = session.scalars(sa.select(Study).limit(1)).one()
        old, study.public_id, study.version = study.public_id, "01JZZZZZZZZZZZZZZZZZZZZZZZ", study.version + 1
    assert all(found.mended for found in reconcile(place.house, repair=True) if found.kind != "manifest.no_study")
    [left] = [one for one in rebuild.rebuild(place.house) if not one.mended]
    assert (left.kind, left.ref) == ("manifest.no_study", f"studies:study:{old}")
    with all_tenants() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Study)) == len({row[0] for row in was})
        assert session.scalars(sa.select(Tenant.name)).all() == ["重建医院"]


def test_bytes_of_a_later_generation_are_an_image_like_any_other(lost: tuple[Place, set[tuple[Any, ...]], dict[Any, str]]) -> None:
    place, was, files = lost
    path = next((place.data / "store").rglob(f"{next(iter(files.values()))}.0"))
    path.rename(path.with_suffix(".1"))
    assert all(one.mended for one in rebuild.rebuild(place.house))
    assert index() == was
    with all_tenants() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(HeldItem).where(HeldItem.reason == "unreadable")) == 0


def test_rows_that_are_older_than_their_manifest_are_brought_up_to_it(lost: tuple[Place, set[tuple[Any, ...]], dict[Any, str]]) -> None:
    place, was, _ = lost
    list(rebuild.rebuild(place.house))
    with all_tenants(write=True) as session:
        for study in session.scalars(sa.select(Study)):
            study.version -= 2
        session.execute(sa.update(Series).values(hidden=False))
    assert {found.kind for found in reconcile(place.house, repair=True)} == {"manifest.newer"}
    assert {(one.kind, one.mended) for one in rebuild.rebuild(place.house) if one.kind != "manifest.older"} == {("manifest.ids", True)}
    assert index() == was and list(reconcile(place.house)) == []


def test_a_study_without_a_manifest_comes_back_complete_under_a_new_id(lost: tuple[Place, set[tuple[Any, ...]], dict[Any, str]]) -> None:
    place, was, _ = lost
    gone = sorted({row[0] for row in was})[0]
    shutil.rmtree(place.data / "store" / "t" / next(iter(lost[2]))[0] / "m" / gone)
    assert all(one.mended for one in rebuild.rebuild(place.house))
    with all_tenants() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Study).where(Study.complete_at.is_(None))) == 0
        assert {gone} == {row[0] for row in was} - set(session.scalars(sa.select(Study.public_id)))
    assert list(reconcile(place.house)) == []
