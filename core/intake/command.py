"""``telerad ingest``: files, folders and zips from this machine, without the web."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from core.intake import outcomes, process, queries, receive
from core.intake.child import Parser
from core.intake.settings import Intake
from core.tenancy.models import Membership
from core.tenancy.sessions import all_tenants
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l

if TYPE_CHECKING:
    from core.host.context import TenantCtx
    from core.host.house import Application

BATCH = 100
MOST = 1024**4


class NoTenant(DomainError):
    sentence = _l("没有此医院，或医院没有成员")


def ingest_paths(house: Application, tenant_code: str, paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Let files in as one upload of the tenant's first member; the page's size limits do not apply here.

    :return: one dict per file or entry of a zip as soon as it is let in, at last ``{"counts": ...}``
    """
    tenant_id, account_id = _whose(house, tenant_code)
    with house.system_ctx(tenant_id, account_id=account_id) as ctx:
        upload = receive.new_upload(ctx)
        upload.state = "processing"
        upload_id, public_id, source_id = upload.id, upload.public_id, upload.source_id
    with (
        house.system_ctx(tenant_id, account_id=account_id, write=False) as ctx,
        receive.claimed(ctx, public_id), Parser() as parser,
    ):
        said, files = 0, _files(paths)
        while batch := list(islice(files, BATCH)):
            _copy_in(ctx, public_id, batch)
            process.let_in(ctx, upload_id, source_id, parser)
            for row_id, line in _lines(ctx, upload_id, said):
                said = row_id
                yield line
        process.finish(ctx, public_id)
    with house.system_ctx(tenant_id, write=False) as ctx:
        yield {"counts": dict(queries.counts(ctx, upload_id))}


def _whose(house: Application, tenant_code: str) -> tuple[int, int]:
    """:raise NoTenant: no such hospital, or nobody is in it"""
    tenant = house.tenant_by_code(tenant_code)
    if tenant is None or tenant.kind != "hospital":
        raise NoTenant
    with all_tenants() as db:
        account_id = db.scalar(sa.select(sa.func.min(Membership.account_id)).where(Membership.tenant_id == tenant.id))
    if account_id is None:
        raise NoTenant
    return tenant.id, account_id


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _copy_in(ctx: TenantCtx, public_id: str, batch: Sequence[Path]) -> None:
    """Copy files to the upload area, then list them; the caller's own files are never touched."""
    parts = []
    for path in batch:
        with path.open("rb") as file:
            parts.append(receive.write_part(ctx, iter(partial(file.read, receive.CHUNK), b""), most=MOST))
    with process.own(ctx, write=True) as writing:
        upload = queries.by_public_id(writing, public_id)
        for path, (part, size) in zip(batch, parts, strict=True):
            receive.add_file(writing, upload, name=path.name, path=part, size=size, sent=size)


def _lines(ctx: TenantCtx, upload_id: int, said: int) -> list[tuple[int, dict[str, Any]]]:
    """What came after the row ``said``."""
    with process.own(ctx, write=False) as reading:
        limits = reading.settings(Intake)
        return [
            (row.id, {
                "name": row.name, "outcome": row.outcome, "reason": row.reason, "study_id": study,
                "text": outcomes.sentence(row.outcome, row.reason, row.detail, limits),
            })
            for row, study, _ in queries.files_of(reading, upload_id, after=said)
        ]
