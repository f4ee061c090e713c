"""Pages of the group's cases."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from plugin_sdk import reveal
from plugin_sdk.capabilities import Viewer
from plugin_sdk.consultation import Event
from plugin_sdk.errors import Invalid, NotFound, StaleVersion, Taken
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.web import ctx, form_version, requires, reveal_page, show_list
from plugins.consultation.requests import pages, queries
from plugins.consultation.requests.lists import COMPLETED, PENDING
from plugins.consultation.requests.transition import advance

bp = Blueprint("diagnosis", __name__, template_folder="../templates")
TABS = {"case": _l("病例信息"), "content": _l("诊断内容"), "history": _l("诊断记录"), "consult": _l("咨询信息")}


@bp.get("/diagnosis")
@requires("group.request.list")
def index() -> ResponseReturnValue:
    return show_list(PENDING)


@bp.get("/diagnosis/done")
@requires("group.request.list")
def done() -> ResponseReturnValue:
    return show_list(COMPLETED)


@bp.get("/diagnosis/<request:id>", defaults={"tab": "case"})
@bp.get("/diagnosis/<request:id>/<any(consult, case, content, history):tab>")
@requires("group.request.list")
def show(id: str, tab: str) -> ResponseReturnValue:
    row = queries.ref_or_404(ctx, id)
    return render_template("consultation/case.html", **pages.detail(ctx, row, tab, TABS, ".show"))


@bp.post("/diagnosis/<request:id>/accept")
@requires("group.request.accept")
def accept(id: str) -> ResponseReturnValue:
    """接单: claim, then open the editor. Who comes second is told who was first."""
    row = queries.ref_or_404(ctx, id)
    try:
        version = int(request.args["version"]) if "version" in request.args else form_version()
    except ValueError as error:
        raise Invalid from error
    try:
        advance(ctx, row, Event.ACCEPT, version=version)
    except (Taken, StaleVersion) as error:
        ctx.rollback()  # type: ignore[attr-defined]
        flash(_taken(error), "error")
        return redirect(url_for(".index", at=id), 303)
    return redirect(url_for("workspace.show", id=id), 303)


@bp.get("/diagnosis/<request:id>/ask/<any(return):event>")
@requires("group.request.return")
def ask(id: str, event: str) -> ResponseReturnValue:
    row = queries.ref_or_404(ctx, id)
    return pages.ask(ctx, row, Event(event), action=url_for(".act", id=id, event=event), back=url_for(".show", id=id))


@bp.post("/diagnosis/<request:id>/<any(return):event>")
@requires("group.request.return")
def act(id: str, event: str) -> ResponseReturnValue:
    return pages.move(
        ctx, id, Event(event), action=url_for(".act", id=id, event=event), back=url_for(".index", at=id)
    )


@bp.get("/diagnosis/<request:id>/reveal/<any(phone):field>")
@requires("group.request.reveal")
def ask_reveal(id: str, field: str) -> ResponseReturnValue:
    """The dialog that asks what a masked value is wanted for."""
    queries.ref_or_404(ctx, id)
    return reveal_page(field, action=url_for(".show_whole", id=id, field=field), back=url_for(".show", id=id))


@bp.post("/diagnosis/<request:id>/reveal/<any(phone):field>")
@requires("group.request.reveal")
def show_whole(id: str, field: str) -> ResponseReturnValue:
    """Show one value to one person, once; who, which and why is in the log."""
    row = queries.ref_or_404(ctx, id)
    ref = f"consultation:request:{row.public_id}"
    value = ctx.studies.reveal(row.study_id, field, purpose=reveal.read(request.form), ref=ref)
    return reveal_page(field, action="", back=url_for(".show", id=id), value=value)


@bp.get("/diagnosis/<request:id>/images")
@requires("group.request.list")
def images(id: str) -> ResponseReturnValue:
    return render_template("open_images.html", title=queries.ref_or_404(ctx, id).exam_no)


@bp.post("/diagnosis/<request:id>/images")
@requires("group.request.list")
def open_images(id: str) -> ResponseReturnValue:
    row = queries.ref_or_404(ctx, id)
    viewer = ctx.get(Viewer)
    if viewer is None:
        raise NotFound
    opening = ctx.studies.open_images([row.study_id])
    ctx.audit("study.viewed", ref=f"consultation:request:{row.public_id}")
    return redirect(viewer.url(opening.access, study_uids=opening.study_uids), 303)


def _taken(error: Taken | StaleVersion) -> str:
    """Who was first and when, on the tenant's clock to the second."""
    holder, since = error.facts.get("holder"), error.facts.get("since")
    if not holder or not since:
        return str(error.sentence)
    at = datetime.fromisoformat(str(since)).astimezone(ZoneInfo(ctx.tenant.zone))
    return _("%(who)s 已于 %(time)s 接单", who=holder, time=at.strftime("%H:%M:%S"))
