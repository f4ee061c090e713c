"""Bytes without a row: adopted when they are an image, else given to the held tray. Nothing is deleted here."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core import clock
from core.intake import outcomes
from core.intake.child import Parser
from core.intake.ingest import ingest_file
from core.intake.models import HeldItem
from core.intake.outcomes import Outcome
from core.reconcile.differences import Difference
from core.reconcile.rows import same
from core.store.models import Blob
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants, insert_missing

if TYPE_CHECKING:
    from core.host.house import Application

YOUNG = timedelta(hours=1)
"""Bytes whose row is still to come are younger than this."""
BATCH = 500
NAME = re.compile(r"(?P<sha256>[0-9a-f]{64})\.(?P<gen>\d+)")


def compare(house: Application, tenant: Tenant, *, repair: bool, young: timedelta = YOUNG) -> Iterator[Difference]:
    """:param young: bytes younger than this are left alone"""
    with Parser() as parser:
        for path, sha256, gen in _without_row(tenant.id, _files(house.config.blobs / "t" / tenant.code / "o", young)):
            if (sha256, gen) in _known(tenant.id, [sha256]):
                continue                                  # an image that was adopted just now brought it
            what = _adopt(house, tenant, path, sha256, gen, parser) if repair else ""
            yield Difference(
                kind="bytes.no_row", tenant=tenant.code, ref=str(path.relative_to(house.config.blobs)), said=what,
                mended=bool(what),
            )


def _files(root: Path, young: timedelta) -> Iterator[tuple[Path, str, int]]:
    """Objects old enough, with digest and generation. Whole folders are never held in memory at once."""
    old = time.time() - young.total_seconds()
    for path in root.glob("*/*/*"):
        name = NAME.fullmatch(path.name)
        if name is not None and path.stat().st_mtime <= old:
            yield path, name["sha256"], int(name["gen"])


def _without_row(tenant_id: int, files: Iterator[tuple[Path, str, int]]) -> Iterator[tuple[Path, str, int]]:
    """Files that no row names, asked for in batches."""
    while batch := list(islice(files, BATCH)):
        known = _known(tenant_id, [sha256 for _, sha256, _ in batch])
        yield from (each for each in batch if each[1:] not in known)


def _known(tenant_id: int, digests: Sequence[str]) -> set[tuple[str, int]]:
    wanted = sa.select(Blob.sha256, Blob.gen).where(Blob.tenant_id == tenant_id, Blob.sha256.in_(digests))
    with all_tenants() as db:
        return {(sha256, gen) for sha256, gen in db.execute(wanted)}


def _adopt(house: Application, tenant: Tenant, path: Path, sha256: str, gen: int, parser: Parser) -> str:
    """:return: what became of it; '' when its bytes are not those its name says, or there is no room: left where it lies"""
    if not same(path, sha256):
        return ""
    outcome = Outcome(outcomes.REFUSED, "wrong_kind")
    if tenant.kind == "hospital":
        with house.system_ctx(tenant.id, write=False) as ctx:
            outcome = ingest_file(ctx, path, name=path.name, source_id=None, parser=parser)
        if outcome.reason == "storage_full" or (sha256, gen) in _known(tenant.id, [sha256]):
            return "" if outcome.reason == "storage_full" else outcome.outcome
    _give_row(house, tenant, path, sha256, gen, hold=outcome.outcome == outcomes.REFUSED)
    return outcomes.HELD if outcome.outcome == outcomes.REFUSED else outcome.outcome


def _give_row(house: Application, tenant: Tenant, path: Path, sha256: str, gen: int, *, hold: bool) -> None:
    """Bytes that are no image, or one that is there in another wrapping: known from now on, swept when nobody wants them."""
    with house.system_ctx(tenant.id) as ctx:
        at = clock.now()
        insert_missing(ctx.db, Blob, sha256=sha256, gen=gen, size=path.stat().st_size, created_at=at, orphan_since=at)
        blob = ctx.db.scalars(sa.select(Blob).where(Blob.sha256 == sha256, Blob.gen == gen)).one()
        if hold and tenant.kind == "hospital":
            insert_missing(ctx.db, HeldItem, name=path.name, reason="unreadable", detail="reconcile", blob_id=blob.id,
                           received_at=at)
