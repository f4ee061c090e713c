"""The slow half of ingest, outside any transaction: look at a file, digest it, make its bytes durable."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.intake import outcomes, queries
from core.intake.child import ChildDied, Parsed, Parser
from core.intake.outcomes import Outcome
from core.store.blobs import storage_key
from plugin_sdk.dicom.digests import digests
from plugin_sdk.dicom.guard import GuardResult
from plugin_sdk.dicom.header import Header
from plugin_sdk.dicom.pixels import pack_frames
from plugin_sdk.dicom.refusals import HeldBack, Refused
from plugin_sdk.errors import StorageFull

if TYPE_CHECKING:
    from core.host.context import TenantCtx


@dataclass(frozen=True, slots=True)
class Image:
    """What a readable object says. ``meta`` is its gzipped DICOM JSON, ``offsets`` its packed encapsulated frames."""

    header: Header
    guard: GuardResult
    meta: bytes
    offsets: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A file whose bytes are durable unless it is not ``kept``; only its rows are missing.

    :ivar kept: False for another wrapping of what is there: its own bytes were not kept
    :ivar image: None when the guard held it back for ``reason``
    :ivar seen: objects under the same UIDs that it was compared with; :ivar same_as: the one of equal content
    """

    path: Path
    name: str
    source_id: int | None
    sha256: str
    data_sha256: str
    size: int
    gen: int
    kept: bool = True
    image: Image | None = None
    reason: str = ""
    detail: str = ""
    seen: frozenset[int] = field(default=frozenset())
    same_as: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Sorts a batch the same way in every process."""
        guard = self.image.guard if self.image else None
        return (guard.study_uid, guard.series_uid, guard.sop_uid) if guard else ("", "", self.sha256)


def prepare(
    ctx: TenantCtx, path: Path, *, name: str, source_id: int | None, parser: Parser, keep: bool = False
) -> Ready | Outcome:
    """Look at a file in the limited child and keep its bytes.

    :param keep: keep them even if the same image is there in another wrapping
    :return: what is to become rows, or why nothing of the file is kept
    :raise OSError: the disk failed; nothing may be promised
    """
    try:
        parsed = parser.parse(path)
    except Refused as refused:
        return Outcome(outcomes.REFUSED, refused.reason, refused.detail[:200])
    except HeldBack as held:
        return _held(ctx, path, name, source_id, held.reason, held.detail)
    except ChildDied as died:
        return _held(ctx, path, name, source_id, "unreadable", died.reason)
    whole, data = digests(path, parsed.guard.dataset_offset)
    known = _known(ctx, parsed.guard)
    same = next((k for k in known if k.data_sha256 == data), None) or _same_content(ctx, path, known, parser)
    kept = keep or same is None or same.sha256 == whole
    try:
        gen = _keep(ctx, whole, path) if kept else 0
    except StorageFull:
        return Outcome(outcomes.REFUSED, "storage_full")
    return Ready(
        path=path, name=name, source_id=source_id, sha256=whole, data_sha256=data, size=parsed.guard.size, gen=gen,
        kept=kept, image=_image(parsed), seen=frozenset(k.id for k in known), same_as=same.id if same else None,
    )


def _held(
    ctx: TenantCtx, path: Path, name: str, source_id: int | None, reason: str, detail: str
) -> Ready | Outcome:
    whole, _ = digests(path, 0)
    try:
        gen = _keep(ctx, whole, path)
    except StorageFull:
        return Outcome(outcomes.REFUSED, "storage_full")
    return Ready(
        path=path, name=name, source_id=source_id, sha256=whole, data_sha256=whole, size=path.stat().st_size, gen=gen,
        reason=reason, detail=detail[:200],
    )


def _known(ctx: TenantCtx, guard: GuardResult) -> list[queries.Known]:
    with ctx.app.system_ctx(ctx.tenant.id, write=False) as reading:
        return list(queries.same_sop(reading.db, guard.study_uid, guard.series_uid, guard.sop_uid))


def _same_content(
    ctx: TenantCtx, path: Path, known: list[queries.Known], parser: Parser
) -> queries.Known | None:
    """Compare with what is stored; what no decoder reads is equal to nothing but itself."""
    mine = _content(path, parser) if known else None
    if mine is None:
        return None
    for other in known:
        stored = ctx.app.blobs.path(storage_key(ctx.tenant.code, other.sha256, other.gen))
        if stored.exists() and _content(stored, parser) == mine:
            return other
    return None


def _content(path: Path, parser: Parser) -> str | None:
    try:
        return parser.content_sha256(path)
    except (Refused, HeldBack, ChildDied):
        return None


def _keep(ctx: TenantCtx, sha256: str, path: Path) -> int:
    """Make the bytes durable. :return: their generation: the next one while the sweeper takes the last away"""
    with ctx.app.system_ctx(ctx.tenant.id, write=False) as reading:
        blob = queries.newest_blob(reading.db, sha256)
    gen = 0 if blob is None else blob.gen + (blob.state == "dying")
    ctx.app.blobs.keep(ctx.tenant.code, sha256, path, gen)
    return gen


def _image(parsed: Parsed) -> Image:
    pixels = parsed.guard.pixels
    text = json.dumps(parsed.dicom_json, ensure_ascii=False, separators=(",", ":"))
    return Image(
        header=parsed.header,
        guard=parsed.guard,
        meta=gzip.compress(text.encode("utf-8", "replace"), 6, mtime=0),
        offsets=pack_frames(pixels.frames) if pixels is not None and pixels.encapsulated else None,
    )
