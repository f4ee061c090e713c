"""All comparisons, tenant by tenant: database, store, manifests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.backup import record
from core.backup.record import FILES
from core.backup.vault import Unsealable, Vault
from core.reconcile import chains, counts, manifests, orphans, rows, work
from core.reconcile.differences import Difference
from core.store.blobs import keep
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)


def reconcile(
    house: Application, *, deep: bool = False, repair: bool = False, code: str | None = None, backup: Path | None = None,
    vault: Vault | None = None, logs: bool = True,
) -> Iterator[Difference]:
    """Everything that differs, as it is found. Two runs at once do no harm.

    :param deep: read every file and compare its digest
    :param repair: mend what needs no guess: adopt, recount, write manifests, put damaged bytes aside
    :param logs: walk the chains of the log, too
    :param backup: where missing bytes are taken from when repairing
    """
    fetch = _from_backup(house, backup, vault or Vault()) if backup else None
    for tenant in tenants(code):
        yield from rows.compare(house, tenant, deep=deep, repair=repair, fetch=fetch)
        yield from orphans.compare(house, tenant, repair=repair)
        yield from counts.compare(house, tenant, repair=repair)
        yield from manifests.compare(house, tenant, repair=repair)
        yield from work.compare(tenant)
        if logs:
            yield from chains.compare(tenant)


def tenants(code: str | None) -> list[Tenant]:
    with all_tenants() as db:
        wanted = sa.select(Tenant).order_by(Tenant.id)
        return list(db.scalars(wanted if code is None else wanted.where(Tenant.code == code)))


def nightly(house: Application) -> None:
    """The job: compare and mend; what is left is logged, each kind once with its count. ``audit.verify`` walks the chains."""
    _log(reconcile(house, repair=True, logs=False))


def deeply(house: Application) -> None:
    """The monthly job: every file is read."""
    _log(reconcile(house, deep=True, repair=True, logs=False))


def _log(differences: Iterator[Difference]) -> None:
    left: dict[tuple[str, str], int] = {}
    for found in differences:
        if not found.mended:
            left[found.tenant, found.kind] = left.get((found.tenant, found.kind), 0) + 1
    for (tenant, kind), number in left.items():
        log.error("database and store differ", extra={"tenant": tenant, "reason": kind, "count": number})


def _from_backup(house: Application, folder: Path, vault: Vault) -> rows.Fetch:
    """Bring one object back by its key. :raise BackupRefused: no backup, or another key"""
    record.read(folder, vault)

    def fetch(key: str, sha256: str) -> bool:
        source = folder / FILES / "store" / key
        beside = house.config.data / "fetched.tmp"
        try:
            beside.write_bytes(b"")
            with beside.open("wb") as file:
                file.writelines(vault.get(source, f"store/{key}"))
            if not rows.same(beside, sha256):
                return False
            keep(house.disk, key, beside)
        except (Unsealable, FileNotFoundError):
            return False
        finally:
            beside.unlink(missing_ok=True)
        return True

    return fetch
