"""Houses on databases of their own, filled with real objects, for backups and restores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core import config
from core.app import TeleradFlask, create_app
from core.intake.command import ingest_paths
from core.run import migrate
from core.store.blobs import storage_key
from core.store.models import Blob
from core.studies.models import Instance, Series, Study
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.db import db
from tests import conftest
from tests.core.intake.objects import images


def new_database(database_url: str, folder: Path, name: str) -> str:
    """The address of an empty database of the kind under test."""
    if not database_url.startswith("postgresql"):
        return f"sqlite:///{folder}/telerad.db"
    base = sa.create_engine(database_url, isolation_level="AUTOCOMMIT")
    with base.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    base.dispose()
    return str(sa.make_url(database_url).set(database=name).render_as_string(hide_password=False))


@dataclass
class Place:
    """One house: its application, its hospital and group with their people, its folder and database."""

    app: TeleradFlask
    url: str
    data: Path
    world: Any = None

    @property
    def house(self) -> Any:
        return self.app.house

    def add(self, folder: Path, objects: list[bytes]) -> None:
        """Let objects in as the hospital's."""
        folder.mkdir(parents=True)
        for number, data in enumerate(objects):
            (folder / f"{number:04d}.dcm").write_bytes(data)
        *lines, counts = ingest_paths(self.house, self.world.hospital.code, [folder])
        assert counts["counts"]["stored"] == len(objects), lines


@contextmanager
def open_place(data: Path, url: str) -> Iterator[Place]:
    app = create_app(config.load({}, data=data, testing=True, database_url=url))
    with app.app_context():
        yield Place(app, url, data)
        db.engine.dispose()


@contextmanager
def new_place(database_url: str, folder: Path, *, studies: int, name: str = "house") -> Iterator[Place]:
    """A house with a hospital that has studies of two images each."""
    folder.mkdir(parents=True)
    with open_place(folder, new_database(database_url, folder, name)) as place:
        migrate.upgrade(place.house)
        place.world = conftest.make_world.__wrapped__(place.app)()
        place.add(folder.parent / f"{folder.name}-sent", images(2 * studies, studies=studies))
        yield place


def stored() -> dict[tuple[str, str], str]:
    """(tenant, image UID) and file digest of each image that has a row."""
    with all_tenants() as session:
        rows = session.execute(
            sa.select(Tenant.code, Instance.sop_uid, Blob.sha256)
            .join(Series, Series.id == Instance.series_id).join(Study, Study.id == Series.study_id)
            .join(Tenant, Tenant.id == Study.tenant_id).join(Blob, Blob.id == Instance.blob_id)
        )
        return {(code, uid): sha256 for code, uid, sha256 in rows}


def without_bytes(store: Path) -> list[str]:
    """Rows whose file is not there, or holds other bytes."""
    bad = []
    for (code, uid), sha256 in stored().items():
        path = store / storage_key(code, sha256)
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            bad.append(uid)
    return bad
