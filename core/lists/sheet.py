"""The job that writes an export. Rows are read in keyset chunks, each in a reading transaction of its own.

The rights are asked when it runs, of the person who asked for it: who lost them in between gets no file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import g, session
from werkzeug.datastructures import MultiDict

from core.host.house import member_permissions
from core.lists import fetch
from core.lists.ask import read
from core.lists.exports import columns_for, most
from core.lists.models import RUNNING, ListExport
from core.lists.page import Page
from core.lists.parts import columns_of, find, may_export, may_reveal
from core.lists.words import for_people
from core.store.models import Blob, StoredFile
from core.studies.models import Instance
from core.tenancy import settings
from core.tenancy.sessions import TenantSession, all_tenants, tenant_session
from core.work.settings import Work
from plugin_sdk.errors import DomainError, Forbidden, NotFound
from plugin_sdk.excel import Sheet

if TYPE_CHECKING:
    from core.host.context import TenantCtx
    from core.host.house import Application

CHUNK = 1000
STORED = "application/x-xlsx"
"""How the file's row names it: its column is shorter than the registered name, which the answer bears."""
log = logging.getLogger(__name__)


class Stopped(RuntimeError):
    """The person took it back."""


def export(ctx: TenantCtx, *, export: str) -> None:
    """Make the sheet of one export. Run again after a lost worker, it starts over; after the end, it does nothing."""
    row = _begin(ctx, export)
    if row is None:
        return
    try:
        data = _write(ctx, row)
    except Stopped:
        return
    except DomainError as error:
        _fail(ctx, row, error.code)
        return
    except Exception as error:
        _fail(ctx, row, type(error).__name__)
        raise
    kept = ctx.files.keep(data)
    _finish(ctx, row, kept)


def _begin(ctx: TenantCtx, public_id: str) -> ListExport | None:
    with _writing(ctx) as db:
        row = db.scalars(sa.select(ListExport).where(ListExport.public_id == public_id)).one_or_none()
        if row is None or row.state not in RUNNING:
            return None
        row.state, row.done_n = "running", 0
    return row


def _write(ctx: TenantCtx, row: ListExport) -> bytes:
    """:raise DomainError: the person, the list or the right is gone
    :raise Stopped: cancelled meanwhile"""
    permissions = member_permissions(ctx.tenant.id, row.account_id)
    if permissions is None:
        raise NotFound
    written, place, more = 0, None, True
    with _as_person(ctx, row, permissions) as person:
        page = _chunk(person, row, None, 1)
        sheet = Sheet(str(page.spec.title), [c.label for c in page.ask.shown])
    with sheet:
        while more and written < most():
            with _as_person(ctx, row, permissions) as person:
                page = _chunk(person, row, place, min(CHUNK, most() - written))
                for one in page.rows:
                    sheet.add(_cells(page, one, masked=row.masked, zone=ctx.tenant.zone))
                if more := page.more_after:
                    place = fetch.place_of(person, page.spec, page.ask, page.key(page.rows[-1]))
                    assert place is not None, "a row of this transaction has a place"
            written += len(page.rows)
            _progress(ctx, row, written)
        return sheet.data()


def _chunk(person: TenantCtx, row: ListExport, place: Any, limit: int) -> Page:
    """:param place: where the last chunk ended; its row may have gone meanwhile"""
    spec = find(person, row.list_name)
    if not may_export(person, spec) or not (row.masked or may_reveal(person, spec)):
        raise Forbidden
    columns = columns_of(person, spec)
    args = MultiDict({**row.ask["values"], "sort": row.ask["sort"]})
    ask = read(person, spec, columns, args, page=True)
    wanted = {c.key: c for c in columns_for(person, spec)}
    shown = [wanted[key] for key in row.ask["columns"] if key in wanted]
    ask = replace(ask, shown=shown, limit=limit, place=place)
    rows, more, before = fetch.rows_of(person, spec, ask)
    return Page(ctx=person, spec=spec, ask=ask, columns=columns, rows=rows, more_after=more, more_before=before)


def _cells(page: Page, row: Any, *, masked: bool, zone: str) -> Iterator[str | int | float]:
    for column in page.ask.shown:
        value = page.value(column, row)
        if column.text is not None:
            value = column.text(value)
        words = for_people(value, zone)
        yield column.mask(str(words)) if masked and column.mask is not None else words


@contextmanager
def _as_person(ctx: TenantCtx, row: ListExport, permissions: frozenset[str]) -> Iterator[TenantCtx]:
    """The person's ctx, reading only, in a request of its own: cells make addresses and speak the person's language."""
    flask = ctx.app.flask
    with flask.test_request_context(f"/t/{ctx.tenant.code}/"):
        session["language"] = row.ask.get("language", "zh_CN")
        g.ctx = type(ctx)(ctx.app, ctx.row, user=ctx.user, permissions=permissions, write=False)
        yield g.ctx


@contextmanager
def _writing(ctx: TenantCtx) -> Iterator[TenantSession]:
    """A short transaction beside the job's own, which begins only when the file is there."""
    with tenant_session(ctx.tenant.id, ctx.side, write=True) as db:
        yield db
        db.commit()


def _progress(ctx: TenantCtx, row: ListExport, written: int) -> None:
    with _writing(ctx) as db:
        going = db.execute(
            sa.update(ListExport)
            .where(ListExport.id == row.id, ListExport.state == "running")
            .values(done_n=written)
            .execution_options(synchronize_session=False)
        )
    if not going.rowcount:  # type: ignore[attr-defined]
        raise Stopped


def _fail(ctx: TenantCtx, row: ListExport, reason: str) -> None:
    log.warning("export failed", extra={"reason": reason})
    with _writing(ctx) as db:
        db.execute(
            sa.update(ListExport)
            .where(ListExport.id == row.id, ListExport.state == "running")
            .values(state="failed", reason=reason[:40], done_at=ctx.now())
            .execution_options(synchronize_session=False)
        )


def _finish(ctx: TenantCtx, row: ListExport, kept: Any) -> None:
    """Name the file and tell its owner, in the job's transaction; not if it was cancelled at the last moment."""
    mine = ctx.db.get_one(ListExport, row.id, with_for_update=True)
    if mine.state != "running":
        return
    file = ctx.files.put_row(kept, kind="export", media=STORED, name=mine.name)  # type: ignore[attr-defined]
    hours = settings.load(ctx.db, Work, 0).export_hours
    mine.state, mine.file_id, mine.done_at, mine.until = "done", file.id, ctx.now(), ctx.now() + timedelta(hours=hours)
    ctx.audit(
        "list.exported", ref=f"lists:export:{mine.public_id}", list=mine.list_name, rows=mine.done_n,
        columns=mine.ask["columns"], masked=mine.masked,
    )
    ctx.notify("export.ready", users=[mine.account_id], ref=f"lists:export:{mine.public_id}")


def sweep(house: Application) -> None:
    """Take away files whose time is over; their bytes become orphans unless something else holds them."""
    with all_tenants(write=True) as db:
        for row in db.scalars(sa.select(ListExport).where(ListExport.state == "done", ListExport.until < house.now())).all():
            file = db.get_one(StoredFile, row.file_id)
            row.state, row.file_id = "expired", None
            db.flush()
            db.delete(file)
            db.flush()
            held = [sa.select(m.id).where(m.blob_id == file.blob_id).exists() for m in (StoredFile, Instance)]
            db.execute(
                sa.update(Blob).where(Blob.id == file.blob_id, sa.not_(sa.or_(*held))).values(orphan_since=house.now())
                .execution_options(synchronize_session=False)
            )
