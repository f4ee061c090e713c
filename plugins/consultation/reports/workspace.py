"""The report workspace: images beside the text. Everything that changes a report goes through the API."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Blueprint, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue

from plugin_sdk.consultation import Draft, Event, RequestView, Urgency
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.types import CaptureView
from plugin_sdk.web import ctx, read_body, render, requires, slot_tabs, takes
from plugin_sdk.words import SEX
from plugins.consultation.reports import asides
from plugins.consultation.reports import desk as desks
from plugins.consultation.reports.desk import Desk
from plugins.consultation.reports.versions import Text
from plugins.consultation.requests import queries
from plugins.consultation.requests.bodies import TextBody
from plugins.consultation.requests.cells import StateCell
from plugins.consultation.requests.pages import TITLES
from plugins.consultation.requests.present import view_of

bp = Blueprint("workspace", __name__, template_folder="../templates")
DONE = {
    Event.SEND_TO_REVIEW: _l("检查 %(number)s 已流转审核"),
    Event.SUBMIT: _l("检查 %(number)s 已提交"),
    Event.APPROVE: _l("检查 %(number)s 审核通过"),
    Event.REJECT: _l("检查 %(number)s 已退回"),
    Event.UNLOCK: _l("检查 %(number)s 已解锁"),
}


@bp.get("/diagnosis/<request:id>/report")
@requires("group.report.diagnose", "group.report.review")
def show(id: str) -> ResponseReturnValue:
    """The page. Looking changes nothing: its script opens an accepted request."""
    desk = desks.of_request(ctx, queries.ref_or_404(ctx, id))
    view = view_of(ctx, desk.row)
    return render(
        "consultation/workspace.html", theme="dark", view=view, draft=_draft(desk, view), plugin_tabs=slot_tabs("report.tab"), desk=desk, row=desk.row, state=StateCell(desk.row, "group"),
        sex=SEX.get(desk.row.sex, ""), urgent=desk.row.urgency is Urgency.URGENT, page=_page(desk),
        history=[(e, TITLES.get(e.event, e.event)) for e in reversed(desk.history)], event=Event,
        adjusting=desk.mode != "read" and not desk.row.state.is_working,
    )


@bp.post("/diagnosis/<request:id>/report/versions")
@requires("group.report.diagnose", "group.report.review")
def keep(id: str) -> ResponseReturnValue:
    """保存: the draft becomes a numbered version."""
    return jsonify(desks.keep(ctx, queries.ref_or_404(ctx, id)))


@bp.post("/diagnosis/<request:id>/report/asides")
@requires("group.report.diagnose", "group.report.review")
@takes(TextBody)
def put_aside(id: str) -> ResponseReturnValue:
    """放弃我的修改: the text is kept for whoever gave it up, also after the claim is gone. ``aside`` null: nothing to lose."""
    row = queries.ref_or_404(ctx, id)
    kept = asides.keep(ctx, row, Text(**read_body(TextBody).model_dump()))
    return jsonify({"aside": asides.shown(kept) if kept is not None else None})


@bp.post("/diagnosis/<request:id>/report/leave")
@requires("group.report.diagnose", "group.report.review")
def leave(id: str) -> ResponseReturnValue:
    """Go back to the list, saying there what was done here."""
    row = queries.ref_or_404(ctx, id)
    sentence = DONE.get(Event(request.form["event"])) if request.form.get("event") in set(DONE) else None
    if sentence is not None:
        flash(_(sentence, number=row.exam_no or row.public_id), "good")
    return redirect(list_url(request.form.get("next", ""), at=row.public_id), 303)


def list_url(wanted: str, *, at: str) -> str:
    """The pending list as it was left, else as it is by itself; its row of this request is pointed out."""
    plain, parts = url_for("diagnosis.index"), urlsplit(wanted)
    asked = parse_qsl(parts.query) if not parts.netloc and parts.path == plain else []
    return f"{plain}?{urlencode([*((k, v) for k, v in asked if k != 'at'), ('at', at)])}"


def _page(desk: Desk) -> dict[str, Any]:
    """What the page's script starts from."""
    row = desk.row
    here = url_for(".show", id=row.public_id)
    return {
        "id": row.public_id,
        "version": row.version,
        "mode": desk.mode,
        "opens": desk.opens,
        "zone": ctx.tenant.zone,
        "text": desk.text,
        "studyUid": desk.study.uid if desk.study else "",
        "captures": [_capture(view, row.public_id) for view in desk.captures],
        "versions": [{**v, "at": v["at"].isoformat()} for v in desk.versions],
        "asides": [asides.shown(a) for a in asides.of_request(ctx, row)],
        "urls": {
            "page": here,
            "api": url_for("consultation_api.show", id=row.public_id),
            "keep": url_for(".keep", id=row.public_id),
            "asides": url_for(".put_aside", id=row.public_id),
            "captures": url_for("requests.index") + f"/{row.public_id}/captures",
            "list": url_for("diagnosis.index"),
        },
    }


def _draft(desk: Desk, view: RequestView) -> Draft:
    """The text as it stands when the page is drawn, for plugins."""
    text = desk.text
    return Draft(
        request=view, findings=text["findings"], impression=text["impression"], positive=text["positive"],
        images=tuple(text["images"]),
    )


def _capture(view: CaptureView, request_id: str) -> dict[str, Any]:
    url = url_for("requests.capture", id=request_id, capture_id=view.id)
    return {"id": view.id, "caption": view.caption, "url": url}
