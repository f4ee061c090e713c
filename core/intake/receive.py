"""Take bytes in below the upload area, durable before anything is said about them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

from core import clock
from core.intake import outcomes
from core.intake.models import Source, Upload, UploadFile
from core.intake.settings import Intake
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


def new_upload(ctx: TenantCtx) -> Upload:
    """Begin a batch of the ctx's user, with the person as its source."""
    assert ctx.user is not None
    source = ctx.db.query(Source).filter_by(kind="uploader", account_id=ctx.user.id).one_or_none()
    if source is None:
        source = Source(kind="uploader", name=ctx.user.name, account_id=ctx.user.id, created_at=clock.now())
        ctx.db.add(source)
        ctx.db.flush()
    upload = Upload(created_by=ctx.user.id, created_at=clock.now(), source_id=source.id)
    ctx.db.add(upload)
    ctx.db.flush()
    return upload


def area(ctx: TenantCtx) -> Path:
    folder = ctx.app.config.uploads / ctx.tenant.code
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def write_part(ctx: TenantCtx, stream: IO[bytes], *, most: int) -> tuple[Path, int]:
    """Write a stream to a new file and sync it. Stops one byte past ``most``: the file is too big by then.

    :return: its path and how many bytes were written
    """
    path, size = area(ctx) / f"{row_id()}.part", 0
    with path.open("xb") as file:
        while size <= most and (piece := stream.read(min(CHUNK, most + 1 - size))):
            file.write(piece)
            size += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return path, size


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


def start(ctx: TenantCtx, upload: Upload) -> None:
    """Everything is there: let the job begin."""
    if upload.state == "receiving":
        upload.state = "processing"
        ctx.enqueue("intake.process_upload", upload=upload.public_id)
