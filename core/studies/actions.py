"""What a hospital does with its studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core import clock
from core.studies import queries
from core.studies.models import Study
from plugin_sdk.errors import RefusedByPlugin, StudyCompleted, StudyLocked, StudyRequested
from plugin_sdk.types import StudyAction

if TYPE_CHECKING:
    from typing import Literal

    from core.host.context import TenantCtx


def lock(ctx: TenantCtx, public_id: str) -> Study:
    """Keep a study from being requested. :raise Conflict: it is requested or completed"""
    row = _for_change(ctx, public_id)
    _must_be_normal(row)
    if row.locked_by is None:
        _ask_plugins(ctx, row, "lock")
        row.locked_by, row.locked_at = ctx.user.id if ctx.user else 0, clock.now()
        ctx.audit("study.locked", ref=_ref(row))
    return row


def unlock(ctx: TenantCtx, public_id: str) -> Study:
    row = _for_change(ctx, public_id)
    if row.locked_by is not None:
        row.locked_by = row.locked_at = None
        ctx.audit("study.unlocked", ref=_ref(row))
    return row


def trash(ctx: TenantCtx, public_id: str) -> None:
    """Put a study into the recycle bin. :raise Conflict: locked, requested or completed"""
    row = _for_change(ctx, public_id)
    if row.locked_by is not None:
        raise StudyLocked
    _must_be_normal(row)
    _ask_plugins(ctx, row, "delete")
    row.trashed_at = clock.now()
    ctx.audit("study.trashed", ref=_ref(row))


def show_series(ctx: TenantCtx, public_id: str, series_uid: str, *, visible: bool) -> None:
    """Let the diagnosis side and shared links see a series, or keep it from them; nothing is deleted.

    :raise NotFound: no such study, or no such series in it
    """
    row = _for_change(ctx, public_id)
    series = queries.series_by_uid(ctx, row.id, series_uid)
    if series.hidden == visible:
        series.hidden = not visible
        ctx.audit("series.visibility", ref=_ref(row), number=series.number, visible=visible)


def _for_change(ctx: TenantCtx, public_id: str) -> Study:
    row = queries.by_public_id(ctx, public_id)
    ctx.studies.lock_row(row.id)
    return row


def _must_be_normal(row: Study) -> None:
    if row.status == "requested":
        raise StudyRequested
    if row.status == "completed":
        raise StudyCompleted


def _ask_plugins(ctx: TenantCtx, row: Study, kind: Literal["delete", "lock", "share"]) -> None:
    problems = ctx.hooks.check_study(ctx, StudyAction(kind=kind, study_ids=(row.id,))).get(row.id, [])
    if problems:
        raise RefusedByPlugin(problems[0].text)


def _ref(row: Study) -> str:
    return f"studies:study:{row.public_id}"
