"""Rows against bytes: each live blob has its file, as long as it says and, when asked deeply, with its digest."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.reconcile.differences import Difference
from core.store.blobs import storage_key
from core.store.models import Blob
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
PAGE = 1000
DAMAGED = ".damaged"
Fetch = Callable[[str, str], bool]
"""Brings bytes back from a backup: (storage key, digest) to whether they are there now."""


def compare(
    house: Application, tenant: Tenant, *, deep: bool, repair: bool, fetch: Fetch | None = None
) -> Iterator[Difference]:
    """:param fetch: asked for what is missing when repairing"""
    for sha256, gen, size in _blobs(tenant.id):
        key = storage_key(tenant.code, sha256, gen)
        what = _fault(house, key, sha256, size, deep=deep)
        if not what:
            continue
        mended = repair and _mend(house, key, sha256, what, fetch)
        log.error("bytes differ from their row", extra={"tenant": tenant.code, "reason": what, "state": "mended" if mended else "open"})
        yield Difference(kind=f"bytes.{what}", tenant=tenant.code, ref=key, mended=mended)


def _blobs(tenant_id: int) -> Iterator[tuple[str, int, int]]:
    """Live blobs of a tenant in pages, so that no read lasts while bytes are looked at."""
    after = 0
    while True:
        with all_tenants() as db:
            rows = db.execute(
                sa.select(Blob.id, Blob.sha256, Blob.gen, Blob.size)
                .where(Blob.tenant_id == tenant_id, Blob.state != "dying", Blob.id > after)
                .order_by(Blob.id).limit(PAGE)
            ).all()
        for row in rows:
            yield row.sha256, row.gen, row.size
        if len(rows) < PAGE:
            return
        after = rows[-1].id


def _fault(house: Application, key: str, sha256: str, size: int, *, deep: bool) -> str:
    if not house.disk.exists(key):
        return "missing"
    if house.disk.size(key) != size:
        return "size"
    return "digest" if deep and not same(house.disk.path(key), sha256) else ""


def same(path: Path, sha256: str) -> bool:
    """Whether a file's bytes have this digest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _mend(house: Application, key: str, sha256: str, what: str, fetch: Fetch | None) -> bool:
    """Put damaged bytes aside, so that the same image sent again heals the row; take them from a backup if there is one."""
    if what != "missing":
        house.disk.rename(key, key + DAMAGED)
        house.disk.sync_folder(key.rpartition("/")[0])
    return fetch is not None and fetch(key, sha256)
