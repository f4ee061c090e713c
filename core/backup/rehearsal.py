"""Look at a house that was restored for a drill, in a process of its own: ``python -m core.backup.rehearsal``.

Reads data IDs from stdin, one a line; writes one JSON document: what differs, and the content of their images.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from core.intake.child import ChildDied, Parser
from core.reconcile import chains, rows
from core.store.blobs import storage_key
from core.store.models import Blob
from core.studies.models import Instance, Series, Study
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.dicom.refusals import HeldBack, Refused

if TYPE_CHECKING:
    from core.host.house import Application

PER_STUDY = 50
"""Most images of one study that are compared by pixel."""


def contents(house: Application, keys: Sequence[str]) -> dict[str, str]:
    """What each image says, decoded; a file that no decoder reads stands for its bytes, '' when it is not there."""
    found: dict[str, str] = {}
    with Parser() as parser:
        for key in keys:
            if not house.disk.exists(key):
                found[key] = ""
                continue
            try:
                found[key] = parser.content_sha256(house.disk.path(key))
            except (Refused, HeldBack, ChildDied):
                found[key] = "bytes " + key
    return found


def images_of(studies: Sequence[str]) -> list[str]:
    """Storage keys of shown images of some studies."""
    keys = []
    with all_tenants() as db:
        for study in studies:
            keys += [
                storage_key(*row) for row in db.execute(
                    sa.select(Tenant.code, Blob.sha256, Blob.gen)
                    .join(Study, Study.tenant_id == Tenant.id).join(Series, Series.study_id == Study.id)
                    .join(Instance, Instance.series_id == Series.id).join(Blob, Blob.id == Instance.blob_id)
                    .where(Study.public_id == study, Instance.rank == 0).order_by(Instance.id).limit(PER_STUDY)
                )
            ]
    return keys


def differences(house: Application) -> Iterator[str]:
    with all_tenants() as db:
        tenants = db.scalars(sa.select(Tenant).order_by(Tenant.id)).all()
    for tenant in tenants:
        yield from map(str, rows.compare(house, tenant, deep=False, repair=False))
        yield from map(str, chains.compare(tenant))


def examine(house: Application, studies: Sequence[str]) -> dict[str, Any]:
    keys = images_of(studies)
    return {"differences": list(differences(house)), "images": contents(house, keys)}


if __name__ == "__main__":
    from core.app import create_app

    app = create_app()
    with app.app_context():
        json.dump(examine(app.house, sys.stdin.read().split()), sys.stdout)
