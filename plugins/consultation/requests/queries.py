"""Reading requests in scope: the row shape gives each side its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from plugin_sdk.consultation import State, VersionStatus
from plugin_sdk.errors import NotFound
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Ctx, RowKey
from plugins.consultation.models import Document, Draft, Entry, Part, ReportVersion, Request


def requests(ctx: Ctx) -> sa.Select[Any]:
    return sa.select(Request)


def row_key(row: Request) -> RowKey:
    return RowKey(
        id=row.id, study_id=row.study_id, request_id=row.id, hospital_id=row.hospital_id, group_id=row.group_id
    )


def ref_or_404(ctx: Ctx, public_id: str) -> Request:
    """:raise NotFound: no request that this side sees"""
    row = ctx.db.scalars(sa.select(Request).where(Request.public_id == public_id)).one_or_none()
    if row is None:
        raise NotFound
    return row  # type: ignore[no-any-return]


def by_id(ctx: Ctx, request_id: int) -> Request:
    row = ctx.db.scalars(
        sa.select(Request).where(Request.id == request_id).execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row  # type: ignore[no-any-return]


def parts_of(ctx: Ctx, request_id: int) -> Sequence[Part]:
    return ctx.db.scalars(sa.select(Part).where(Part.request_id == request_id).order_by(Part.id)).all()  # type: ignore[no-any-return]


def draft_of(ctx: Ctx, request_id: int) -> Draft | None:
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(Draft).where(Draft.request_id == request_id).execution_options(populate_existing=True)
    ).one_or_none()


def versions_of(ctx: Ctx, request_id: int) -> Sequence[ReportVersion]:
    """Numbered texts, oldest first."""
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(ReportVersion).where(ReportVersion.request_id == request_id).order_by(ReportVersion.n)
    ).all()


def last_version(ctx: Ctx, request_id: int) -> ReportVersion | None:
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(ReportVersion)
        .where(ReportVersion.request_id == request_id)
        .order_by(ReportVersion.n.desc())
        .limit(1)
    ).one_or_none()


def sealed_of(ctx: Ctx, request_id: int) -> ReportVersion | None:
    """The sealed version in force."""
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(ReportVersion).where(
            ReportVersion.request_id == request_id, ReportVersion.status == VersionStatus.SEALED
        )
    ).one_or_none()


def sealed_texts(field: str) -> Callable[[Ctx, Sequence[RowKey]], Mapping[int, object]]:
    """Loader of a list's column: one text of each row's sealed report, one query."""
    column = getattr(ReportVersion, field)

    def load(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, object]:
        rows = ctx.db.execute(
            sa.select(ReportVersion.request_id, column).where(
                ReportVersion.request_id.in_([k.id for k in keys]), ReportVersion.status == VersionStatus.SEALED
            )
        )
        return {request_id: text for request_id, text in rows}

    return load


def last_sealed(ctx: Ctx, request_id: int) -> ReportVersion | None:
    """The newest version that was ever sealed, in force or superseded."""
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(ReportVersion)
        .where(ReportVersion.request_id == request_id, ReportVersion.sealed_at.is_not(None))
        .order_by(ReportVersion.n.desc())
        .limit(1)
    ).one_or_none()


def history_of(ctx: Ctx, request_id: int) -> Sequence[Entry]:
    return ctx.db.scalars(sa.select(Entry).where(Entry.request_id == request_id).order_by(Entry.id)).all()  # type: ignore[no-any-return]


def document_of(ctx: Ctx, request_id: int) -> Document | None:
    """The live document: made for preview, or saved."""
    return ctx.db.scalars(  # type: ignore[no-any-return]
        sa.select(Document).where(Document.request_id == request_id, Document.state.in_(("preview", "saved")))
    ).one_or_none()


def of_studies(ctx: Ctx, ids: Collection[int]) -> Mapping[int, Sequence[Request]]:
    """Requests per study, newest first."""
    found: dict[int, list[Request]] = {}
    for row in ctx.db.scalars(sa.select(Request).where(Request.study_id.in_(ids)).order_by(Request.id.desc())):
        found.setdefault(row.study_id, []).append(row)
    return found


def status_of_study(ctx: Ctx, study_id: int) -> str:
    """The projection: ``requested`` if any request is open, else ``completed`` if one is confirmed, else ``normal``."""
    states = set(ctx.db.scalars(sa.select(Request.state).where(Request.study_id == study_id)))
    if any(not isinstance(s, State) or s.is_open for s in states):
        return "requested"
    return "completed" if State.CONFIRMED in states else "normal"


def adjusting(ctx: Ctx, row: Request) -> ReportVersion | None:
    """The unsealed version of a confirmed request, if an adjustment is under way."""
    if row.state is not State.CONFIRMED:
        return None
    last = last_version(ctx, row.id)
    return last if last is not None and last.status in (VersionStatus.DRAFT, VersionStatus.IN_REVIEW) else None


def workbench_counts(ctx: Ctx) -> dict[str, Any]:
    """What waits: for a hospital reports to confirm, for a group requests to accept and to review."""
    def count(state: State) -> int:
        return ctx.db.scalar(sa.select(sa.func.count()).select_from(Request).where(Request.state == state)) or 0

    base = f"/t/{ctx.tenant.code}"
    if ctx.side == "hospital":
        return {"counts": [(_l("待确认报告"), count(State.APPROVED), f"{base}/requests?state=APPROVED")]}
    return {
        "counts": [
            (_l("待接单"), count(State.SUBMITTED), f"{base}/diagnosis?state=SUBMITTED"),
            (_l("待审核"), count(State.PENDING_REVIEW), f"{base}/diagnosis?state=PENDING_REVIEW"),
        ]
    }


def count_open(ctx: Ctx) -> int:
    """Requests of this side that are not closed."""
    return ctx.db.scalar(sa.select(sa.func.count()).select_from(Request).where(Request.closed_at.is_(None))) or 0


def numbers(ctx: Ctx, *, ids: Collection[str] = (), number: str = "") -> Mapping[str, str]:
    """Exam numbers of requests, or the requests about one."""
    where = Request.exam_no == number if number else Request.public_id.in_(ids)
    rows = ctx.db.execute(sa.select(Request.public_id, Request.exam_no).where(where))
    return {public_id: exam_no for public_id, exam_no in rows}
