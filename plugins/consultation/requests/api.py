"""Requests as JSON, for both sides: the same actions and rules as the pages."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from plugin_sdk.capabilities import Viewer
from plugin_sdk.consultation import Event, State
from plugin_sdk.errors import DomainError, Forbidden, Invalid, NotFound
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.web import (
    answers,
    body_limit,
    ctx,
    list_json,
    lists,
    passive,
    read_body,
    require_fresh,
    requires,
    takes,
    takes_form,
)
from plugins.consultation.models import Request
from plugins.consultation.reports import document, drafts
from plugins.consultation.reports.versions import Text
from plugins.consultation.requests import claims, create, fees, queries
from plugins.consultation.requests.answers import (
    CaptureAnswer,
    DraftAnswer,
    GroupsAnswer,
    ManyAnswer,
    OpeningAnswer,
    RequestAnswer,
    RequestSummary,
)
from plugins.consultation.requests.bodies import (
    EVENT_EXAMPLES,
    WORDS,
    BatchBody,
    CaptureForm,
    ConfirmBody,
    DraftBody,
    EventBody,
    RenewBody,
    RequestBody,
)
from plugins.consultation.requests.lists import REQUESTS
from plugins.consultation.requests.machine import SIGNS, TABLE
from plugins.consultation.requests.present import draft_json, summary, whole
from plugins.consultation.requests.transition import advance
from plugins.consultation.settings import Reading

bp = Blueprint("consultation_api", __name__)
LIST = ("hospital.request.list", "group.request.list")


class TooFew(DomainError):
    code, sentence = "too-few", _l("至少选择 2 项")


@bp.get("/requests")
@requires(*LIST)
@lists(REQUESTS, RequestSummary)
def index() -> ResponseReturnValue:
    return list_json(REQUESTS, lambda row: summary(ctx, row))


@bp.post("/requests")
@requires("hospital.request.create")
@takes(RequestBody)
@answers(RequestAnswer, 201)
def make() -> ResponseReturnValue:
    body = read_body(RequestBody)
    row = create.request(ctx, body.study_id, body.terms())
    return jsonify(whole(ctx, row)), 201


@bp.post("/requests/batch")
@requires("hospital.request.create")
@takes(BatchBody)
@answers(ManyAnswer)
def batch() -> ResponseReturnValue:
    """Ask for several studies at once, row by row; one that is refused does not stop the others."""
    body = read_body(BatchBody)
    ids = list(dict.fromkeys(body.study_ids))
    if len(ids) < 2:
        raise TooFew
    for study_id in ids:
        ctx.studies.own(study_id)
    return jsonify({"items": [_each(study_id, lambda s: create.request(ctx, s, body.terms())) for study_id in ids]})


@bp.post("/requests/confirm")
@requires("hospital.report.confirm")
@takes(ConfirmBody)
@answers(ManyAnswer)
def confirm_many() -> ResponseReturnValue:
    body = read_body(ConfirmBody)
    if len({i.id for i in body.items}) < 2:
        raise TooFew
    rows = {item.id: queries.ref_or_404(ctx, item.id) for item in body.items}

    def confirm(request_id: str) -> Any:
        item = next(i for i in body.items if i.id == request_id)
        return advance(ctx, rows[request_id], Event.CONFIRM, version=item.version, sha256=item.sha256)

    return jsonify({"items": [_each(request_id, confirm) for request_id in rows]})


def _each(public_id: str, act: Any) -> dict[str, Any]:
    """Run one of many in its own savepoint and say how it ended."""
    savepoint = ctx.db.begin_nested()
    try:
        row = act(public_id)
    except DomainError as error:
        savepoint.rollback()
        return {"id": public_id, "outcome": "refused", "reason": error.code, "detail": str(error.sentence)}
    savepoint.commit()
    return {"id": public_id, "outcome": "done", "reason": None, "request": row.public_id}


@bp.get("/requests/<request:id>")
@requires(*LIST)
@answers(RequestAnswer)
def show(id: str) -> ResponseReturnValue:
    return jsonify(whole(ctx, queries.ref_or_404(ctx, id)))


@bp.post(f"/requests/<request:id>/<any({', '.join(sorted(WORDS))}):event>")
@requires(*LIST)
@takes(EventBody, **EVENT_EXAMPLES)
@answers(RequestAnswer)
def act(id: str, event: str) -> ResponseReturnValue:
    """Move a request. Permission before object, object before state, state before input."""
    _check_permission(which := Event(event))
    if which in SIGNS:
        require_fresh(once=ctx.settings(Reading).sign_repeat)
    row = queries.ref_or_404(ctx, id)
    body = read_body(EventBody)
    if body.version is None:
        raise Invalid(errors=[{"field": "version", "message": "Field required"}])
    text = text_of(body)
    if which in (Event.SEND_TO_REVIEW, Event.SUBMIT) and _writes_already(row):
        body.version = advance(ctx, row, Event.OPEN, version=body.version).version
    reader = ctx.users.by_public_id(body.reader) if body.reader else None
    advance(ctx, row, which, version=body.version, reason=body.reason, text=text, sha256=body.sha256, reader=reader)
    return jsonify(whole(ctx, row))


@bp.post("/requests/<request:id>/renew")
@requires("group.request.accept")
@passive
@takes(RenewBody)
@answers(RequestAnswer)
def renew(id: str) -> ResponseReturnValue:
    """Say that the holder's page is open. It keeps the claim, never the login: a page alone is nobody."""
    row = queries.ref_or_404(ctx, id)
    return jsonify(whole(ctx, claims.renew(ctx, row, active=read_body(RenewBody).active)))


def _writes_already(row: Request) -> bool:
    """Whoever saved a draft under a claim has opened the editor, even if no page said so."""
    return row.state is State.ACCEPTED and claims.mine(ctx, row) and queries.draft_of(ctx, row.id) is not None


def text_of(body: EventBody) -> Text | None:
    """The report that the body carries, ``None`` when it carries none: then the draft counts."""
    if body.findings is None and body.impression is None:
        return None
    return Text(
        findings=body.findings or "", impression=body.impression or "", positive=body.positive,
        images=tuple(body.images or ()),
    )


def _check_permission(event: Event) -> None:
    """:raise NotFound: an event of the other side; :raise Forbidden: mine, but not held"""
    codes = {s.code for (_, e), s in TABLE.items() if e is event}
    mine = sorted(c for c in codes if c.startswith(f"{ctx.side}."))
    if not mine:
        raise NotFound
    if not any(ctx.may(c) for c in mine):
        raise Forbidden(permission=mine[0])


@bp.put("/requests/<request:id>/draft")
@requires("group.report.diagnose", "group.report.review")
@takes(DraftBody)
@answers(DraftAnswer)
def save_draft(id: str) -> ResponseReturnValue:
    row = queries.ref_or_404(ctx, id)
    claims.need_mine(ctx, row)
    body = read_body(DraftBody)
    draft = drafts.save(
        ctx, row,
        Text(findings=body.findings, impression=body.impression, positive=body.positive, images=tuple(body.images)),
        rev=body.rev, keep_replaced=body.keep_replaced,
    )
    return jsonify(draft_json(draft))


@bp.get("/groups")
@requires("hospital.request.create")
@answers(GroupsAnswer)
def groups() -> ResponseReturnValue:
    """Groups connected to this hospital, with the readers one may name and their fees, if billing is on."""
    items = []
    for link in ctx.links.active():
        other = ctx.at(link.id)
        readers = other.users.holding("group.request.accept")
        found = fees.per_reader(other, link.id, [r.id for r in readers], "")
        items.append(
            {
                "code": link.group.code,
                "name": link.group.name,
                "accepting": link.accepting,
                "readers": [{"id": r.public_id, "name": r.name, "fee": found.get(r.id)} for r in readers],
            }
        )
    return jsonify({"items": items})


@bp.post("/requests/<request:id>/images")
@requires(*LIST)
@answers(OpeningAnswer, 201)
def images(id: str) -> ResponseReturnValue:
    """Open the images: readable with the caller's session or token alone."""
    row = queries.ref_or_404(ctx, id)
    opening = ctx.studies.open_images([row.study_id])
    viewer = ctx.get(Viewer)
    ctx.audit("study.viewed", ref=f"consultation:request:{row.public_id}")
    return jsonify(
        {
            "access": opening.access,
            "dicomweb": opening.dicomweb,
            "viewer": viewer.url(opening.access, study_uids=opening.study_uids) if viewer else None,
            "expires_at": opening.expires_at.isoformat(),
        }
    ), 201


@bp.post("/requests/<request:id>/captures")
@requires("group.report.diagnose", "group.report.review")
@body_limit("capture_request")
@takes_form(CaptureForm)
@answers(CaptureAnswer, 201)
def capture(id: str) -> ResponseReturnValue:
    """Keep a key image: PNG or JPEG, at most 8 MB."""
    with ctx.reading() as seen:
        study_id = queries.ref_or_404(seen, id).study_id
    file = request.files.get("file")
    if file is None:
        raise Invalid(errors=[{"field": "file", "message": "Field required"}])
    try:
        frame = int(request.form.get("frame") or 0)
    except ValueError as error:
        raise Invalid(errors=[{"field": "frame", "message": "whole number"}]) from error
    view = ctx.studies.add_capture(
        study_id, data=file.read(), sop=request.form.get("sop_instance_uid", ""),
        frame=max(0, frame), caption=request.form.get("caption", "").strip(),
    )
    return jsonify({"id": view.id, "sha256": view.sha256, "caption": view.caption}), 201


@bp.get("/requests/<request:id>/report.pdf")
@requires("hospital.report.print", "group.request.list")
@answers(None, media="application/pdf")
def report_pdf(id: str) -> Response:
    row = queries.ref_or_404(ctx, id)
    return document.response(document.pdf(ctx, row), row.public_id, inline=True)
