"""Take bytes in below the upload area, durable before anything is said about them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core import clock, faults
from core.intake import outcomes
from core.intake.models import Source, Upload, UploadFile
from core.intake.settings import Intake
from core.store.disk import Disk
from core.tenancy.sessions import insert_missing
from plugin_sdk.errors import TooLarge, Unsupported
from plugin_sdk.ids import row_id

if TYPE_CHECKING:
    from core.host.context import TenantCtx

CHUNK = 1024 * 1024
ZIP_SIGNATURE = b"PK"


def kind_of(name: str, head: bytes = b"") -> str | None:
    """``dcm`` or ``zip`` by name, by content where the name says nothing; ``None`` for another kind of file."""
    suffix = Path(name).suffix.lower()
    if suffix == ".zip" or (head.startswith(ZIP_SIGNATURE) and suffix not in (".dcm", "")):
        return "zip" if suffix == ".zip" or not suffix else None
    if suffix in (".dcm", ".dicom", ".ima", "") or suffix[1:].isdigit():
        return "zip" if head.startswith(ZIP_SIGNATURE) else "dcm"
    return None


def new_upload(ctx: TenantCtx, public_id: str = "") -> Upload:
    """Begin a batch of the ctx's user, with the person as its source. :param public_id: one that was made before, or a new one"""
    assert ctx.user is not None
    mine = sa.select(Source.id).where(Source.kind == "uploader", Source.account_id == ctx.user.id)
    source_id = ctx.db.scalar(mine)
    if source_id is None:  # two first uploads at once: the unique index lets one of them make it
        insert_missing(
            ctx.db, Source, kind="uploader", name=ctx.user.name, account_id=ctx.user.id, created_at=clock.now()
        )
        source_id = ctx.db.scalars(mine).one()
    upload = Upload(public_id=public_id or row_id(), created_by=ctx.user.id, created_at=clock.now(), source_id=source_id)
    ctx.db.add(upload)
    ctx.db.flush()
    return upload


def area(ctx: TenantCtx) -> Path:
    """The tenant's upload folder; its name is durable."""
    Disk(ctx.app.config.uploads).make_folder(ctx.tenant.code)
    return ctx.app.config.uploads / ctx.tenant.code


def write_part(ctx: TenantCtx, pieces: Iterable[bytes], *, most: int, name: str = "") -> tuple[Path, int]:
    """Write pieces to a file and make bytes and name durable. Stops at the piece that passes ``most``.

    :return: its path and how many bytes were written: more than ``most`` if there were more
    """
    path, size = area(ctx) / f"{name or row_id()}.part", 0
    try:
        with path.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                size += len(piece)
                if size > most:
                    break
            file.flush()
            os.fsync(file.fileno())
        Disk(ctx.app.config.uploads).sync_folder(ctx.tenant.code)
        faults.point("upload.received")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path, size


def begin_part(ctx: TenantCtx, name: str) -> Path:
    """Make the empty file that a resumable upload fills; its name is durable."""
    return write_part(ctx, (), most=0, name=name)[0]


@contextmanager
def writing(path: Path) -> Iterator[int]:
    """Open a part for one writer at a time. What the caller checks inside stays true until it has committed.

    :raise FileNotFoundError: the part is gone
    """
    descriptor = os.open(path, os.O_WRONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def put(descriptor: int, data: bytes, offset: int) -> None:
    """Write at an offset and sync: bytes behind what was counted are written over."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
    os.fsync(descriptor)
    faults.point("upload.synced")


@contextmanager
def claimed(ctx: TenantCtx, upload: str) -> Iterator[None]:
    """Be the only process that works on an upload; a death gives it free.

    :raise BlockingIOError: another process works on it
    """
    lock = area(ctx) / f"{upload}.lock"
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
        lock.unlink(missing_ok=True)                      # all is done: whoever still waits finds nothing to do
    finally:
        os.close(descriptor)


def add_file(ctx: TenantCtx, upload: Upload, *, name: str, path: Path | None, size: int, sent: int) -> UploadFile:
    row = UploadFile(
        upload_id=upload.id, name=name[:300] or "-", size=size, sent=sent,
        path=str(path.relative_to(ctx.app.config.uploads)) if path else "",
    )
    ctx.db.add(row)
    ctx.db.flush()
    return row


def refuse(row: UploadFile, reason: str) -> None:
    row.outcome, row.reason, row.path = outcomes.REFUSED, reason, ""


def refusal(kind: str | None, size: int, limits: Intake) -> str:
    """Why a file is not let in by its kind or size, '' if it is. :param kind: as `kind_of` says"""
    if kind is None:
        return "wrong_kind"
    if size == 0:
        return "empty"
    return "" if limits.allows(kind, size) else f"{kind}_too_big"


def check_announced(ctx: TenantCtx, name: str, size: int) -> str:
    """Check a file before its bytes come. :raise Unsupported: its kind; :raise TooLarge: its size"""
    kind = kind_of(name)
    if kind is None:
        raise Unsupported(outcomes.SENTENCES["wrong_kind"], reason="wrong_kind")
    limits = ctx.settings(Intake)
    if not limits.allows(kind, size):
        reason = f"{kind}_too_big"
        raise TooLarge(outcomes.sentence("refused", reason, "", limits), reason=reason)
    return kind


def finish(ctx: TenantCtx, upload: Upload) -> None:
    """Let the job begin with the files that are whole; the others are taken out. A second time changes nothing.

    :param upload: locked, see `queries.held_by_writer`
    """
    if upload.state == "receiving":
        ctx.db.execute(
            sa.delete(UploadFile)
            .where(UploadFile.upload_id == upload.id, UploadFile.sent < UploadFile.size)
            .execution_options(synchronize_session=False)
        )
        start(ctx, upload)


def start(ctx: TenantCtx, upload: Upload) -> None:
    """Everything is there: let the job begin."""
    if upload.state == "receiving":
        upload.state = "processing"
        ctx.enqueue("intake.process_upload", upload=upload.public_id)
