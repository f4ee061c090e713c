"""The job behind an upload: each file gets one outcome, and the sum adds up. Running it twice changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from core import clock, limits
from core.intake import outcomes, queries, zips
from core.intake.child import Parser
from core.intake.ingest import ingest_files
from core.intake.models import UploadFile
from core.intake.outcomes import Outcome
from core.intake.receive import claimed, kind_of, write_part
from core.studies.models import Study
from plugin_sdk.events import StudyComplete, StudyReceived

if TYPE_CHECKING:
    from core.host.context import TenantCtx

log = logging.getLogger(__name__)
BATCH, BATCH_BYTES = 40, 256 * 1024**2
HEAD = 4
WATCHED = timedelta(minutes=1)
"""Who uploads sees a batch shorter than this to its end; the end of a longer one, or files left out, are said in a notice."""


def process_upload(ctx: TenantCtx, *, upload: str) -> None:
    """Let every file of a batch in, then say that it is done.

    :raise NotFound: no upload of this tenant; nothing is left on the disk then
    :raise BlockingIOError: another process is at it
    """
    with own(ctx, write=False) as reading:
        queries.by_public_id(reading, upload)
    with claimed(ctx, upload):
        with own(ctx, write=False) as reading:
            row = queries.by_public_id(reading, upload)
            upload_id, source_id, done = row.id, row.source_id, row.state == "done"
        if done:
            return
        with Parser() as parser:
            let_in(ctx, upload_id, source_id, parser)
        finish(ctx, upload)


def let_in(ctx: TenantCtx, upload_id: int, source_id: int | None, parser: Parser) -> None:
    """Give every file that waits its outcome. The caller has claimed the upload."""
    while sent := _pending(ctx, upload_id, None):
        archives = [f for f in sent if _is_zip(ctx, f)]
        for file in archives:
            _open_zip(ctx, file, source_id, parser)
        _store(ctx, [f for f in sent if f not in archives], source_id, parser)


def finish(ctx: TenantCtx, upload: str) -> None:
    """The batch is done: its studies are complete, one audit entry and one event each."""
    with own(ctx, write=True) as writing:
        row = queries.by_public_id(writing, upload)
        if row.state == "done":
            return
        row.state, row.done_at = "done", clock.now()
        first: Study | None = None
        for study_id, counts in queries.counts_by_study(writing, row.id).items():
            study = writing.db.get_one(Study, study_id)
            first = first or study
            if study.complete_at is None:
                study.complete_at = clock.now()
                writing.emit(StudyComplete(study_id=study_id, how="manifest"))
            writing.audit("study.received", ref=f"studies:study:{study.public_id}", **counts)
            writing.emit(
                StudyReceived(
                    study_id=study_id, source_id=row.source_id, stored=counts["stored"],
                    duplicate=counts["duplicate"], held=counts["held"],
                )
            )
        total = queries.counts(writing, row.id)
        left = total["held"] + total["refused"]
        if row.done_at - row.created_at > WATCHED or left:
            ref = f"studies:study:{first.public_id}" if first else f"intake:upload:{row.public_id}"
            writing.notify("upload.done", users=[row.created_by], ref=ref, files=total["files"], left=left)
        log.info("upload done", extra={"upload_id": row.public_id, "files": total["files"]})


@contextmanager
def own(ctx: TenantCtx, *, write: bool) -> Iterator[TenantCtx]:
    """A short transaction of its own, for the person who uploads."""
    with ctx.app.system_ctx(ctx.tenant.id, write=write, account_id=ctx.user.id if ctx.user else 0) as short:
        yield short


def _pending(ctx: TenantCtx, upload_id: int, parent: int | None) -> Sequence[UploadFile]:
    with own(ctx, write=False) as reading:
        return queries.pending(reading, upload_id, parent=parent, limit=BATCH)


def _is_zip(ctx: TenantCtx, file: UploadFile) -> bool:
    path = _path(ctx, file)
    if path is None or not path.exists():
        return False
    with path.open("rb") as opened:
        return kind_of(file.name, opened.read(HEAD)) == "zip"


def _store(ctx: TenantCtx, files: Sequence[UploadFile], source_id: int | None, parser: Parser) -> None:
    """Let objects in. An outcome is written with its rows; the part goes after that."""
    there = {path: f for f in files if (path := _path(ctx, f)) is not None and path.exists()}
    found = ingest_files(
        ctx, list(there), names=[f.name for f in there.values()], source_id=source_id, parser=parser,
        note=lambda writing, item, outcome: _note(writing, there[item.path].id, outcome),
    )
    results = {f.id: outcome for f, outcome in zip(there.values(), found, strict=True)}
    missing = Outcome(outcomes.REFUSED, "empty", "missing")
    with own(ctx, write=True) as writing:
        for file in files:
            _note(writing, file.id, results.get(file.id, missing))
    for path in there:
        path.unlink(missing_ok=True)


def _open_zip(ctx: TenantCtx, file: UploadFile, source_id: int | None, parser: Parser) -> None:
    """List a zip's entries in its place, in its order: an earlier run's entries are those that come first."""
    path, outcome = _path(ctx, file), Outcome(outcomes.OPENED)
    assert path is not None
    with own(ctx, write=False) as reading:
        listed = queries.count_entries(reading, file.id)
    _store_entries(ctx, file, source_id, parser)
    batch: list[tuple[str, Path | Outcome]] = []
    size = 0
    try:
        with zips.open_zip(path) as entries:
            for index, entry in islice(enumerate(entries), listed, None):
                batch.append((entry.name, _inflate(ctx, file, index, entry)))
                size += entry.size
                if len(batch) >= BATCH or size >= BATCH_BYTES:
                    _list(ctx, file, batch)
                    _store_entries(ctx, file, source_id, parser)
                    batch, size = [], 0
    except zips.ZipRefused as refused:
        outcome = Outcome(outcomes.REFUSED, refused.reason)
    _list(ctx, file, batch)
    _store_entries(ctx, file, source_id, parser)
    with own(ctx, write=True) as writing:
        _note(writing, file.id, outcome)
    path.unlink(missing_ok=True)
    for left in path.parent.glob(f"{file.public_id}.*.part"):
        left.unlink(missing_ok=True)                      # a run that was stopped had no time to


def _inflate(ctx: TenantCtx, file: UploadFile, index: int, entry: zips.Entry) -> Path | Outcome:
    """Write an entry out as a file of its own, under a name that a second run writes over.

    :raise ZipRefused: the archive is refused from here on
    """
    try:
        return write_part(ctx, entry.chunks(), most=limits.current().zip_inflated, name=f"{file.public_id}.{index}")[0]
    except zips.ZipRefused as refused:
        if refused.whole:
            raise
        return Outcome(outcomes.REFUSED, refused.reason)


def _list(ctx: TenantCtx, file: UploadFile, batch: Sequence[tuple[str, Path | Outcome]]) -> None:
    with own(ctx, write=True) as writing:
        for name, found in batch:
            row = UploadFile(upload_id=file.upload_id, parent_id=file.id, name=f"{file.name}/{name}"[:300])
            writing.db.add(row)
            writing.db.flush()
            if isinstance(found, Outcome):
                _note(writing, row.id, found)
            else:
                row.path, row.size = str(found.relative_to(ctx.app.config.uploads)), found.stat().st_size


def _store_entries(ctx: TenantCtx, file: UploadFile, source_id: int | None, parser: Parser) -> None:
    while waiting := _pending(ctx, file.upload_id, file.id):
        _store(ctx, waiting, source_id, parser)


def _note(writing: TenantCtx, file_id: int, outcome: Outcome) -> None:
    row = writing.db.get_one(UploadFile, file_id)
    if not row.outcome:
        row.outcome, row.reason, row.detail = outcome.outcome, outcome.reason, outcome.detail[:200]
        row.study_id, row.path = outcome.study_id, ""


def _path(ctx: TenantCtx, file: UploadFile) -> Path | None:
    return ctx.app.config.uploads / file.path if file.path else None
