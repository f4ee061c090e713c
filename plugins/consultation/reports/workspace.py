"""The report workspace: images beside the text. The page draws; every change goes through the API's actions."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue

from plugin_sdk.consultation import Event, State
from plugin_sdk.types import Ctx
from plugin_sdk.web import ctx, requires
from plugins.consultation.models import Request
from plugins.consultation.reports.versions import text_of_draft
from plugins.consultation.requests import claims, pages, queries
from plugins.consultation.requests.lists import SEX, StateCell, TimeLeft
from plugins.consultation.requests.machine import step_for
from plugins.consultation.settings import Connection

bp = Blueprint("workspace", __name__, template_folder="../templates")
BEGIN = {
    State.SUBMITTED: Event.ACCEPT, State.PENDING_REVIEW: Event.START_REVIEW, State.REVIEW_REJECTED: Event.OPEN,
    State.RETURNED_BY_HOSPITAL: Event.OPEN,
}


@bp.get("/diagnosis/<request:id>/report")
@requires("group.report.diagnose", "group.report.review")
def show(id: str) -> ResponseReturnValue:
    row = queries.ref_or_404(ctx, id)
    return render_template("consultation/workspace.html", **facts(ctx, row))


def facts(ctx: Ctx, row: Request) -> dict[str, Any]:
    """What the page starts from. Text comes from the draft, else from the newest version."""
    draft, last = queries.draft_of(ctx, row.id), queries.last_version(ctx, row.id)
    adjusting = queries.adjusting(ctx, row) is not None
    mine = claims.mine(ctx, row)
    reviewing = row.state is State.REVIEWING or (adjusting and last is not None and last.status == "in_review")
    text = text_of_draft(draft) if draft else last
    chosen = list(draft.images) if draft else [i["id"] for i in last.images] if last else []
    hospital = ctx.at(row.link_id)
    api = url_for("consultation_api.show", id=row.public_id)
    return {
        "row": row,
        "sex": SEX.get(row.sex, "-"),
        "state": StateCell(row, "group"),
        "left": TimeLeft(row, ctx.now()),
        "study": hospital.studies.facts(row.study_id),
        "mine": mine,
        "reviewing": reviewing,
        "adjusting": adjusting,
        "text": text,
        "rev": draft.rev if draft else 0,
        "captures": _in_order(ctx, row, chosen),
        "chosen": chosen,
        "begin": _begin(ctx, row),
        "opens": mine and row.state is State.ACCEPTED,
        "can": _can(ctx, row, adjusting),
        "single": ctx.settings(Connection, scope_id=row.link_id).allow_single_sign and ctx.may("group.report.review"),
        "history": pages.detail(ctx, row, "history", {}, "diagnosis.show")["history"],
        "versions": list(reversed(queries.versions_of(ctx, row.id))),
        "api": api,
        "theme": "dark",
    }


def _begin(ctx: Ctx, row: Request) -> str:
    """The event that would give this person the claim, if nobody holds it."""
    event = BEGIN.get(row.state)
    if row.claim_user is not None or event is None:
        return ""
    if event is Event.OPEN and row.reader != claims.me(ctx):
        event = Event.ACCEPT
    step = step_for(row.state, event, adjusting=False)
    return event.value if step is not None and ctx.may(step.code) else ""


def _can(ctx: Ctx, row: Request, adjusting: bool) -> set[str]:
    state = State.DIAGNOSING if row.state is State.ACCEPTED else row.state
    found = set()
    for event in Event:
        step = step_for(state, event, adjusting=adjusting)
        if step is not None and step.side == "group" and ctx.may(step.code):
            found.add(event.value)
    return found


def _in_order(ctx: Ctx, row: Request, chosen: list[str]) -> list[Any]:
    """Ticked captures first, in their order, then the others as they were taken."""
    found = {c.id: c for c in ctx.studies.captures(row.study_id)}
    return [*(found[i] for i in chosen if i in found), *(c for i, c in found.items() if i not in chosen)]
