"""Pages of the hospital's requests."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from plugin_sdk.consultation import Event, State
from plugin_sdk.errors import Conflict, DomainError, NotFound, StaleVersion
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.types import Ctx
from plugin_sdk.web import ctx, requires, show_list
from plugins.consultation.models import Request
from plugins.consultation.reports import document
from plugins.consultation.requests import pages, queries
from plugins.consultation.requests.lists import REQUESTS
from plugins.consultation.requests.machine import TABLE
from plugins.consultation.requests.transition import advance

bp = Blueprint("requests", __name__, template_folder="../templates")
TABS = {"consult": _l("咨询信息"), "case": _l("病例信息"), "content": _l("诊断内容"), "history": _l("诊断记录")}
LEAST = 2


class NotConfirmed(Conflict):
    sentence = _l("确认报告后才能预览和打印")


class TooFew(DomainError):
    code, sentence = "too-few", _l("批量确认至少选择 2 项")


@bp.get("/requests")
@requires("hospital.request.list")
def index() -> ResponseReturnValue:
    return show_list(REQUESTS)


@bp.get("/requests/<request:id>", defaults={"tab": "consult"})
@bp.get("/requests/<request:id>/<any(consult, case, content, history):tab>")
@requires("hospital.request.list")
def show(id: str, tab: str) -> ResponseReturnValue:
    row = queries.ref_or_404(ctx, id)
    return render_template("consultation/request.html", **pages.detail(ctx, row, tab, TABS, ".show"))


@bp.get("/requests/<request:id>/ask/<any(withdraw, return_report, delete_report):event>")
@requires("hospital.request.list")
def ask(id: str, event: str) -> ResponseReturnValue:
    pages.must(ctx, Event(event))
    row = queries.ref_or_404(ctx, id)
    return pages.ask(ctx, row, Event(event), action=url_for(".act", id=id, event=event), back=url_for(".show", id=id))


@bp.post("/requests/<request:id>/<any(withdraw, return_report, confirm, delete_report):event>")
@requires("hospital.request.list")
def act(id: str, event: str) -> ResponseReturnValue:
    """Move a request; the machine asks for the permission that its row names."""
    return pages.move(
        ctx, id, Event(event), action=url_for(".act", id=id, event=event),
        back=url_for(".show", id=id, tab="content" if event == "confirm" else "consult"),
    )


@bp.post("/requests/confirm")
@requires("hospital.report.confirm")
def confirm_many() -> ResponseReturnValue:
    """Confirm each ticked report as it was signed; those that cannot be are named, the others are done."""
    rows = [queries.ref_or_404(ctx, i) for i in dict.fromkeys(request.form.getlist("row"))]
    if len([r for r in rows if (r.state, Event.CONFIRM) in TABLE]) < LEAST:
        raise TooFew
    refused = [(row.exam_no or row.pid, problem) for row in rows if (problem := _confirm(row)) is not None]
    done = _("%(n)s 项已确认", n=len(rows) - len(refused))
    if refused:
        named = "、".join(f"{number}（{problem.sentence}）" for number, problem in refused)
        flash(done + _("，%(n)s 项未确认：%(which)s", n=len(refused), which=named), "error")
    else:
        flash(done, "good")
    query = request.form.get("query", "")
    return redirect(url_for(".index") + (f"?{query}" if query else ""), 303)


def _confirm(row: Request) -> DomainError | None:
    """Confirm what is sealed in a savepoint of its own; the refusal, if there was one."""
    sealed = queries.sealed_of(ctx, row.id)
    savepoint = ctx.db.begin_nested()
    try:
        advance(ctx, row, Event.CONFIRM, version=row.version, sha256=sealed.sha256 if sealed else None)
    except DomainError as error:
        savepoint.rollback()
        return error
    savepoint.commit()
    return None


@bp.get("/requests/<request:id>/report")
@requires("hospital.report.print")
def report(id: str) -> ResponseReturnValue:
    """报告预览: what will be printed, from the same content."""
    row = _confirmed_row(ctx, id)
    sheet = Markup(document.preview(ctx, row))  # our own template made it, with autoescape
    return render_template(
        "consultation/report.html", row=row, sheet=sheet, document=queries.document_of(ctx, row.id),
    )


@bp.post("/requests/<request:id>/report/save")
@requires("hospital.report.print")
def save_report(id: str) -> ResponseReturnValue:
    with ctx.reading() as seen:
        drawn = document.draw(seen, _confirmed_row(seen, id), keep=True)
    document.attach(ctx, _confirmed_row(ctx, id), drawn, state="saved")
    flash(_("报告已保存"), "good")
    return redirect(url_for(".report", id=id), 303)


@bp.post("/requests/<request:id>/report/<any(download, print):how>")
@requires("hospital.report.print")
def print_report(id: str, how: str) -> Response:
    """Hand the PDF out; the first time sets 已打印."""
    with ctx.reading() as seen:
        drawn = document.draw(seen, _confirmed_row(seen, id), keep=False)
    row = _confirmed_row(ctx, id)
    if row.sealed_version != drawn.n:
        raise StaleVersion
    if row.printed_at is None:
        advance(ctx, row, Event.PRINTED, version=row.version)
    return document.response(drawn.data, row.public_id, inline=how == "print")


@bp.get("/requests/<request:id>/captures/<capture:capture_id>")
@requires("hospital.request.list", "group.request.list")
def capture(id: str, capture_id: str) -> Response:
    row = queries.ref_or_404(ctx, id)
    data, media = ctx.studies.read_capture(row.study_id, capture_id)
    response = Response(data, mimetype=media)
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


def _confirmed_row(of: Ctx, id: str) -> Request:
    row = queries.ref_or_404(of, id)
    if queries.sealed_of(of, row.id) is None:
        raise NotFound
    if row.state is not State.CONFIRMED:
        raise NotConfirmed
    return row
