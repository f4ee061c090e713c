"""Take away uploads that nobody finished; take up again those whose job was given up."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.intake.models import Upload, UploadFile
from core.tenancy.sessions import all_tenants
from core.work import jobs
from core.work.models import Job

if TYPE_CHECKING:
    from core.host.house import Application

KEPT = timedelta(hours=48)
"""How long an incomplete upload waits for its next byte."""
GIVEN_UP = timedelta(hours=1)
"""Age of an upload that is still not done and has no job waiting: its job failed for good, or a command was ended."""
JOB = "intake.process_upload"


def sweep(house: Application) -> None:
    """Drop what is incomplete for 48 hours, start again what is stuck for an hour, remove parts that nobody names."""
    with all_tenants(write=True) as db:
        _drop(db)
        _start_again(db, house)
    _remove_parts(house)


def _drop(db: Session) -> None:
    """What is whole was acknowledged and goes on; what is not was promised nothing."""
    old = sa.and_(Upload.state == "receiving", Upload.created_at < clock.now() - KEPT)
    for statement in (
        sa.delete(UploadFile)
        .where(UploadFile.upload_id.in_(sa.select(Upload.id).where(old)), UploadFile.sent < UploadFile.size),
        sa.update(Upload).where(old, Upload.id.in_(sa.select(UploadFile.upload_id))).values(state="processing"),
        sa.delete(Upload).where(old),
    ):
        db.execute(statement.execution_options(synchronize_session=False))


def _start_again(db: Session, house: Application) -> None:
    waiting = {
        args.get("upload")
        for args in db.scalars(sa.select(Job.args).where(Job.name == JOB, Job.state.in_(("queued", "running"))))
    }
    stuck = db.scalars(
        sa.select(Upload).where(Upload.state == "processing", Upload.created_at < clock.now() - GIVEN_UP)
    )
    for upload in stuck:
        if upload.public_id not in waiting:
            jobs.enqueue(
                db, house.plugins.house, JOB, tenant_id=upload.tenant_id, account_id=upload.created_by,
                upload=upload.public_id,
            )


def _remove_parts(house: Application) -> None:
    """A part is older than its row by seconds at most, so an old part without a row has none any more."""
    with all_tenants() as db:
        named = set(db.scalars(sa.select(UploadFile.path).where(UploadFile.path != "")))
    for path in house.config.uploads.glob("*/*.part"):
        nameless = str(path.relative_to(house.config.uploads)) not in named
        if nameless and path.stat().st_mtime < time.time() - KEPT.total_seconds():
            path.unlink(missing_ok=True)
