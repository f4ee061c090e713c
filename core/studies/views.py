"""Pages of the study list and of one study."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from core.studies import actions, queries
from core.studies.lists import STUDIES, StatusCell, status_of
from core.web import slots
from plugin_sdk import masking, reveal
from plugin_sdk.capabilities import Viewer
from plugin_sdk.errors import NotFound
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.web import requires, reveal_page, show_list
from plugin_sdk.words import SEX

bp = Blueprint("studies", __name__)
TABS = {"case": _l("病例信息"), "series": _l("序列信息")}


@bp.get("/studies")
@requires("hospital.study.view")
def index() -> ResponseReturnValue:
    return show_list(STUDIES)


@bp.get("/studies/<study:id>", defaults={"tab": "case"})
@bp.get("/studies/<study:id>/<any(case, series):tab>")
@requires("hospital.study.view")
def show(id: str, tab: str) -> ResponseReturnValue:
    """One study; ``?part=`` opens the tab of a plugin."""
    row = queries.by_public_id(g.ctx, id)
    added, part = slots.tabs(g.ctx, "study.tab"), request.args.get("part", "")
    if part not in {"", *(t.owner for t in added)}:
        raise NotFound
    series = queries.series_of(g.ctx, row.id)
    return render_template(
        "study.html", study=row, patient=row.patient, series=series, counts=queries.counts(g.ctx, [s.id for s in series]),
        tab="" if part else tab, sex=SEX.get(row.patient.sex, "-"), status=StatusCell(status_of(row)),
        tabs=[
            {"label": t, "url": url_for(".show", id=id, tab=k), "active": k == tab and not part, "count": len(series) if k == "series" else 0}
            for k, t in TABS.items()
        ] + [{"label": t.title, "url": url_for(".show", id=id, part=t.owner), "active": t.owner == part} for t in added],
        panel=slots.fill(g.ctx, "study.tab", owner=part, study=row) if part else [],
        phone=masking.phone(row.patient.phone), actions=slots.fill(g.ctx, "study.action", study=row),
        sides=slots.fill(g.ctx, "study.side", study=row),
    )


@bp.get("/studies/<study:id>/images")
@requires("hospital.study.view")
def images(id: str) -> ResponseReturnValue:
    """A page that posts itself: an opening is a row, and no row is written by GET."""
    return render_template("open_images.html", title=queries.by_public_id(g.ctx, id).accession)


@bp.post("/studies/<study:id>/images")
@requires("hospital.study.view")
def open_images(id: str) -> ResponseReturnValue:
    row = queries.by_public_id(g.ctx, id)
    viewer = g.ctx.get(Viewer)
    if viewer is None:
        raise NotFound
    opening = g.ctx.studies.open_images([row.id])
    g.ctx.audit("study.viewed", ref=f"studies:study:{row.public_id}")
    return redirect(viewer.url(opening.access, study_uids=opening.study_uids), 303)


@bp.get("/studies/<study:id>/reveal/<any(phone):field>")
@requires("hospital.study.reveal")
def ask_reveal(id: str, field: str) -> ResponseReturnValue:
    """The dialog that asks what a masked value is wanted for."""
    queries.by_public_id(g.ctx, id)
    return reveal_page(field, action=url_for(".show_whole", id=id, field=field), back=url_for(".show", id=id))


@bp.post("/studies/<study:id>/reveal/<any(phone):field>")
@requires("hospital.study.reveal")
def show_whole(id: str, field: str) -> ResponseReturnValue:
    """Show one value to one person, once; who, which and why is in the log."""
    row = queries.by_public_id(g.ctx, id)
    value = g.ctx.studies.reveal(row.id, field, purpose=reveal.read(request.form), ref=f"studies:study:{row.public_id}")
    return reveal_page(field, action="", back=url_for(".show", id=id), value=value)


@bp.post("/studies/<study:id>/series/<series_uid:uid>/visibility")
@requires("hospital.study.edit")
def visibility(id: str, uid: str) -> ResponseReturnValue:
    """Show a series to the diagnosis side, or hide it from there."""
    visible = request.form.get("visible") == "yes"
    actions.show_series(g.ctx, id, uid, visible=visible)
    flash(str(_l("诊断端可见") if visible else _l("诊断端不可见，数据不删除")), "good")
    return redirect(url_for(".show", id=id, tab="series"), 303)


@bp.post("/studies/<study:id>/lock")
@requires("hospital.study.lock")
def lock(id: str) -> ResponseReturnValue:
    actions.lock(g.ctx, id)
    flash(str(_l("已锁定")), "good")
    return _back(id)


@bp.post("/studies/<study:id>/unlock")
@requires("hospital.study.lock")
def unlock(id: str) -> ResponseReturnValue:
    actions.unlock(g.ctx, id)
    flash(str(_l("已解锁")), "good")
    return _back(id)


@bp.post("/studies/<study:id>/delete")
@requires("hospital.study.delete")
def delete(id: str) -> ResponseReturnValue:
    actions.trash(g.ctx, id)
    flash(str(_l("已移入回收站")), "good")
    return redirect(url_for(".index"), 303)


def _back(id: str) -> ResponseReturnValue:
    """To where the form was: the study's page, or the list as it was filtered."""
    if request.form.get("from") == "study":
        return redirect(url_for(".show", id=id), 303)
    return redirect(url_for(".index") + "?" + (request.form.get("query") or f"at={id}"), 303)
