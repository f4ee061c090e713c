"""``telerad ingest``: files, folders and zips from this machine, without the web."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from core.intake import outcomes, queries, receive
from core.intake.models import UploadFile
from core.intake.process import process_upload
from core.intake.settings import Intake
from core.tenancy.models import Membership
from core.tenancy.sessions import all_tenants
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l

if TYPE_CHECKING:
    from core.host.house import Application


class NoTenant(DomainError):
    sentence = _l("没有此医院，或医院没有成员")


def ingest_paths(house: Application, tenant_code: str, paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Let files in as one upload of the tenant's first member; the page's size limits do not apply here.

    :return: one dict per file, then ``{"counts": ...}``
    """
    tenant = house.tenant_by_code(tenant_code)
    if tenant is None or tenant.kind != "hospital":
        raise NoTenant
    with all_tenants() as db:
        account_id = db.scalar(
            sa.select(sa.func.min(Membership.account_id)).where(Membership.tenant_id == tenant.id)
        )
    if account_id is None:
        raise NoTenant
    with house.system_ctx(tenant.id, account_id=account_id) as ctx:
        upload = receive.new_upload(ctx)
        upload.state = "processing"
        for path in _files(paths):
            part = receive.area(ctx) / f"{upload.public_id}.{path.stat().st_ino}.{len(path.name)}.part"
            shutil.copyfile(path, part)
            receive.add_file(ctx, upload, name=path.name, path=part, size=part.stat().st_size, sent=part.stat().st_size)
        public_id = upload.public_id
    with house.system_ctx(tenant.id, account_id=account_id, write=False) as ctx:
        process_upload(ctx, upload=public_id)
    with house.system_ctx(tenant.id, account_id=account_id, write=False) as ctx:
        upload = queries.by_public_id(ctx, public_id)
        limits = ctx.settings(Intake)
        for row, study in queries.files_of(ctx, upload.id):
            yield _line(row, study, limits)
        yield {"counts": dict(queries.counts(ctx, upload.id))}


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _line(row: UploadFile, study: str | None, limits: Intake) -> dict[str, Any]:
    return {
        "name": row.name, "outcome": row.outcome, "reason": row.reason, "study_id": study,
        "text": outcomes.sentence(row.outcome, row.reason, row.detail, limits),
    }
