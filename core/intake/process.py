"""The job behind an upload: each file gets one outcome, and the sum adds up. Running it twice changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core import clock
from core.intake import outcomes, queries, zips
from core.intake.child import Parser
from core.intake.ingest import ingest_files
from core.intake.models import UploadFile
from core.intake.outcomes import Outcome
from core.intake.receive import kind_of, write_part
from core.studies.models import Study
from plugin_sdk.events import StudyComplete, StudyReceived

if TYPE_CHECKING:
    from core.host.context import TenantCtx

log = logging.getLogger(__name__)
BATCH = 40
HEAD = 4


def process_upload(ctx: TenantCtx, *, upload: str) -> None:
    """Let every file of a batch in, then say that it is done."""
    with _own(ctx, write=False) as reading:
        row = queries.by_public_id(reading, upload)
        upload_id, source_id, done = row.id, row.source_id, row.state == "done"
    if done:
        return
    with Parser() as parser:
        while sent := _pending(ctx, upload_id):
            archives = [f for f in sent if _is_zip(ctx, f)]
            for file in archives:
                _open_zip(ctx, file, source_id, parser)
            _let_in(ctx, [f for f in sent if f not in archives], source_id, parser)
    _finish(ctx, upload)


def _pending(ctx: TenantCtx, upload_id: int) -> Sequence[UploadFile]:
    with _own(ctx, write=False) as reading:
        return queries.pending(reading, upload_id, parent=None, limit=BATCH)


def _is_zip(ctx: TenantCtx, file: UploadFile) -> bool:
    path = _path(ctx, file)
    if not path.exists():
        return False
    with path.open("rb") as opened:
        return kind_of(file.name, opened.read(HEAD)) == "zip"


def _let_in(ctx: TenantCtx, files: Sequence[UploadFile], source_id: int | None, parser: Parser) -> None:
    """Store files that were sent as they are; their parts go once their outcome is written."""
    here = [f for f in files if _path(ctx, f).exists()]
    found = ingest_files(
        ctx, [_path(ctx, f) for f in here], names=[f.name for f in here], source_id=source_id, parser=parser
    )
    results = {f.id: o for f, o in zip(here, found, strict=True)}
    missing = Outcome(outcomes.REFUSED, "empty")
    with _own(ctx, write=True) as writing:
        for file in files:
            _note(writing, file.id, results.get(file.id, missing))
    for file in here:
        _path(ctx, file).unlink(missing_ok=True)


def _open_zip(ctx: TenantCtx, file: UploadFile, source_id: int | None, parser: Parser) -> None:
    """List a zip's entries in its place. Entries that have an outcome from an earlier run are not done again."""
    path = _path(ctx, file)
    with _own(ctx, write=False) as reading:
        known = {f.name for f in queries.entries(reading, file.id)}
    batch: list[tuple[str, Path]] = []
    try:
        with zips.open_zip(path) as entries:
            for entry in entries:
                name = f"{file.name}/{entry.name}"[:300]
                if name in known:
                    continue
                if entry.refusal:
                    _add_entry(ctx, file, name, Outcome(outcomes.REFUSED, entry.refusal))
                    continue
                try:
                    batch.append((name, _inflate(ctx, entry)))
                except zips.ZipRefused as refused:
                    if refused.whole:
                        raise
                    _add_entry(ctx, file, name, Outcome(outcomes.REFUSED, refused.reason))
                if len(batch) >= BATCH:
                    _let_in_entries(ctx, file, batch, source_id, parser)
                    batch = []
        _let_in_entries(ctx, file, batch, source_id, parser)
        outcome = Outcome(outcomes.OPENED)
    except zips.ZipRefused as refused:
        _let_in_entries(ctx, file, batch, source_id, parser)
        outcome = Outcome(outcomes.REFUSED, refused.reason)
    with _own(ctx, write=True) as writing:
        _note(writing, file.id, outcome)
    path.unlink(missing_ok=True)


def _inflate(ctx: TenantCtx, entry: zips.Entry) -> Path:
    """Write an entry out as a file of its own; its size is bound by the zip's limits."""
    return write_part(ctx, _Stream(entry.chunks()), most=zips.MAX_INFLATED)[0]  # type: ignore[arg-type]


class _Stream:
    """Chunks as something that can be read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks, self.rest = chunks, b""

    def read(self, size: int) -> bytes:
        if not self.rest:
            self.rest = next(self.chunks, b"")
        piece, self.rest = self.rest[:size], self.rest[size:]
        return piece


def _let_in_entries(
    ctx: TenantCtx, file: UploadFile, batch: Sequence[tuple[str, Path]], source_id: int | None, parser: Parser
) -> None:
    if not batch:
        return
    paths = [p for _, p in batch]
    found = ingest_files(ctx, paths, names=[n for n, _ in batch], source_id=source_id, parser=parser)
    with _own(ctx, write=True) as writing:
        for (name, _), outcome in zip(batch, found, strict=True):
            _entry_row(writing, file, name, outcome)
    for path in paths:
        path.unlink(missing_ok=True)


def _add_entry(ctx: TenantCtx, file: UploadFile, name: str, outcome: Outcome) -> None:
    with _own(ctx, write=True) as writing:
        _entry_row(writing, file, name, outcome)


def _entry_row(writing: TenantCtx, file: UploadFile, name: str, outcome: Outcome) -> None:
    row = UploadFile(upload_id=file.upload_id, parent_id=file.id, name=name)
    writing.db.add(row)
    writing.db.flush()
    _note(writing, row.id, outcome)


def _note(writing: TenantCtx, file_id: int, outcome: Outcome) -> None:
    row = writing.db.get_one(UploadFile, file_id)
    row.outcome, row.reason, row.detail = outcome.outcome, outcome.reason, outcome.detail[:200]
    row.study_id, row.path = outcome.study_id, ""


def _finish(ctx: TenantCtx, upload: str) -> None:
    """The batch is done: its studies are complete, one audit entry and one event each."""
    with _own(ctx, write=True) as writing:
        row = queries.by_public_id(writing, upload)
        if row.state == "done":
            return
        row.state, row.done_at = "done", clock.now()
        for study_id, counts in queries.counts_by_study(writing, row.id).items():
            study = writing.db.get_one(Study, study_id)
            if study.complete_at is None:
                study.complete_at = clock.now()
                writing.emit(StudyComplete(study_id=study_id, how="manifest"))
            writing.audit("study.received", ref=f"studies:study:{study.public_id}", **counts)
            writing.emit(StudyReceived(study_id=study_id, source_id=row.source_id, **counts))
        log.info("upload done", extra={"upload_id": row.public_id, "files": queries.counts(writing, row.id)["files"]})


def _path(ctx: TenantCtx, file: UploadFile) -> Path:
    return ctx.app.config.uploads / file.path if file.path else ctx.app.config.uploads / "-"


@contextmanager
def _own(ctx: TenantCtx, *, write: bool) -> Iterator[TenantCtx]:
    """A short transaction of its own, for the person who uploads."""
    with ctx.app.system_ctx(ctx.tenant.id, write=write, account_id=ctx.user.id if ctx.user else 0) as own:
        yield own
