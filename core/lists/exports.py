"""A list as an Excel file: asked for here, made by the job ``lists.export``, kept for ``work.export_hours``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import MultiDict

from core import clock, limits
from core.lists import fetch
from core.lists.ask import Ask, read
from core.lists.models import RUNNING, ListExport
from core.lists.parts import columns_of, may_export, may_reveal
from core.store.models import StoredFile
from core.web.i18n import language
from plugin_sdk.errors import Conflict, DomainError, Forbidden, NotFound
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.lists import Column, ListSpec

JOB = "lists.export"
SHOWN = 30


class Busy(Conflict):
    code, sentence = "in-progress", _l("已有一个导出在进行，完成或取消后再导出")


class TooManyRows(DomainError):
    code = "too-many"

    def __init__(self) -> None:
        super().__init__(_("每次最多导出 %(n)s 条，请缩小筛选范围", n=f"{most():,}"))


class NothingToExport(DomainError):
    code, sentence = "too-few", _l("没有符合条件的数据")


class Gone(DomainError):
    status, code, sentence = 410, "gone", _l("文件已过期，请重新导出")


def most() -> int:
    """Rows of one sheet."""
    return limits.current().export_rows


def columns_for(ctx: Any, spec: ListSpec) -> list[Column]:
    """Columns that a sheet can hold: a picture is none."""
    return [c for c in columns_of(ctx, spec) if c.macro not in ("preview", "switch")]


def size_of(ctx: Any, spec: ListSpec, ask: Ask) -> int:
    """Rows that would be written, counted to one past the limit.

    :raise Forbidden: this list is not exported, or not by the caller
    """
    if not may_export(ctx, spec):
        raise Forbidden(permission=next((c for c in spec.export if c.startswith(f"{ctx.side}.")), ""))
    return fetch.count(ctx, spec, ask, most() + 1)


def start(ctx: Any, spec: ListSpec, *, args: MultiDict[str, str], fields: Sequence[str], masked: bool) -> ListExport:
    """Queue an export of the rows that a page of ``args`` has, over all its pages.

    :raise Forbidden: no right to export, or to export whole names
    :raise TooManyRows: more than one sheet holds
    :raise NothingToExport: none, or no field
    :raise Busy: the caller has one under way, in whichever hospital or group
    """
    if not masked and not may_reveal(ctx, spec):
        raise Forbidden(permission=next((c for c in spec.reveal if c.startswith(f"{ctx.side}.")), ""))
    with ctx.reading() as look:
        columns = columns_for(look, spec)
        ask = read(look, spec, columns_of(look, spec), args, page=True)
        rows = size_of(look, spec, ask)
    known = {c.key for c in columns}
    chosen = [key for key in dict.fromkeys(fields) if key in known]
    if rows > most():
        raise TooManyRows
    if not rows or not chosen:
        raise NothingToExport
    row = ListExport(
        account_id=ctx.user.id, list_name=spec.name, total_n=rows, masked=masked, queued_at=ctx.now(),
        ask={"values": dict(ask.values), "sort": ask.order, "columns": chosen, "language": language()},
        name=file_name(str(spec.title), ask.values, clock.local(ctx.now(), ctx.tenant.zone)),
    )
    ctx.db.add(row)
    try:
        ctx.db.flush()
    except IntegrityError as error:
        raise Busy from error
    ctx.enqueue(JOB, export=row.public_id)
    return row


def file_name(title: str, values: Any, today: datetime) -> str:
    """申请列表_20261101-20261125.xlsx; without a range, the day it was made."""
    start = next((v[:10] for k, v in values.items() if k.endswith("_from") and v), "")
    end = next((v[:10] for k, v in values.items() if k.endswith("_to") and v), "") or today.strftime("%Y-%m-%d")
    days = [d.replace("-", "") for d in (start, end) if d]
    return f"{title}_{'-'.join(dict.fromkeys(days))}.xlsx"


def mine(ctx: Any, public_id: str) -> ListExport:
    """:raise NotFound: no export of the caller's here"""
    row: ListExport | None = ctx.db.scalars(
        sa.select(ListExport).where(ListExport.public_id == public_id, ListExport.account_id == ctx.user.id)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row


def recent(ctx: Any) -> Sequence[ListExport]:
    """The caller's last exports here, newest first."""
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(ListExport).where(ListExport.account_id == ctx.user.id).order_by(ListExport.id.desc()).limit(SHOWN)
    ).all()


def busy(ctx: Any) -> bool:
    return any(row.state in RUNNING for row in recent(ctx))


def cancel(ctx: Any, row: ListExport) -> None:
    """:raise Conflict: it has ended"""
    moved = ctx.db.execute(
        sa.update(ListExport)
        .where(ListExport.id == row.id, ListExport.state.in_(RUNNING))
        .values(state="cancelled", done_at=ctx.now())
        .execution_options(synchronize_session="fetch")
    )
    if not moved.rowcount:
        raise Conflict


def file_of(ctx: Any, row: ListExport) -> bytes:
    """:raise Gone: its time is over, or it was never made"""
    if row.state != "done" or row.file_id is None or row.until is None or row.until <= ctx.now():
        raise Gone
    public_id = ctx.db.scalar(sa.select(StoredFile.public_id).where(StoredFile.id == row.file_id))
    return ctx.files.read(public_id)  # type: ignore[no-any-return]
