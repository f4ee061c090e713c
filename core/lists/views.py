"""What every declared list has beside its page: chosen columns, saved views, the poll."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from core.lists import choice, fresh, saved
from core.lists.ask import RESERVED
from core.lists.parts import find
from core.work import queries as notices
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.web import passive, requires

bp = Blueprint("lists", __name__)
HOME = ("hospital.home.view", "group.home.view")
"""Everybody's; the list's own page says who may use it."""


@bp.post("/lists/<list:list_name>/columns")
@requires(*HOME)
def columns(list_name: str) -> ResponseReturnValue:
    """Keep which columns this person shows and in which order, or go back to the default."""
    spec = find(g.ctx, list_name)
    choice.keep(g.ctx, list_name, [] if "reset" in request.form else request.form.getlist("col"))
    return redirect(_back(spec.endpoint), 303)


@bp.get("/lists/<list:list_name>/fresh")
@requires(*HOME)
@passive
def look(list_name: str) -> ResponseReturnValue:
    """How many rows are new, what the shown ones look like now, and the top bar's counts; 304 when nothing changed."""
    news = fresh.look(g.ctx, find(g.ctx, list_name), request.args)
    unread, open_todos = notices.counts(g.ctx)
    response = make_response(render_template("_fresh.html", news=news, page=news.page, notices=unread, todos=open_todos))
    response.add_etag()
    response.headers["Cache-Control"] = "private, no-cache"
    return response.make_conditional(request)


@bp.get("/lists/<list:list_name>/views/new")
@requires(*HOME)
def ask_view(list_name: str) -> ResponseReturnValue:
    spec = find(g.ctx, list_name)
    return _dialog(url_for(".save_view", list_name=list_name), back=url_for(spec.endpoint), query=request.query_string.decode())


@bp.post("/lists/<list:list_name>/views")
@requires(*HOME)
def save_view(list_name: str) -> ResponseReturnValue:
    spec, form = find(g.ctx, list_name), request.form
    try:
        row = saved.save(g.ctx, spec, name=form.get("name", ""), query=form.get("query", ""), counted="counted" in form)
    except DomainError as error:
        return _dialog(request.path, back=url_for(spec.endpoint), query=form.get("query", ""), error=error)
    return redirect(saved.url_of(spec, row), 303)


@bp.get("/views/<view:id>")
@requires(*HOME)
def edit_view(id: str) -> ResponseReturnValue:
    row = saved.mine(g.ctx, id)
    return _dialog(url_for(".change_view", id=id), back=saved.url_of(saved.list_of(row), row), view=row)


@bp.post("/views/<view:id>")
@requires(*HOME)
def change_view(id: str) -> ResponseReturnValue:
    row = saved.mine(g.ctx, id)
    back = saved.url_of(saved.list_of(row), row)
    try:
        saved.change(g.ctx, row, name=request.form.get("name", ""), counted="counted" in request.form)
    except DomainError as error:
        return _dialog(request.path, back=back, view=row, error=error)
    return redirect(back, 303)


@bp.post("/views/<view:id>/delete")
@requires(*HOME)
def delete_view(id: str) -> ResponseReturnValue:
    row = saved.mine(g.ctx, id)
    spec = saved.list_of(row)
    g.ctx.db.delete(row)
    flash(str(_l("视图已删除")), "good")
    return redirect(url_for(spec.endpoint), 303)


def _dialog(action: str, *, back: str, query: str = "", view: object = None, error: DomainError | None = None) -> Response:
    """Ask for a view's name; a dialog over the list, or a page of its own."""
    if error is not None:
        g.ctx.rollback()
    fragment = request.headers.get("HX-Target", "").endswith("#dialog")
    text = render_template(
        "view.html", action=action, back=back, query=query, view=view, fragment=fragment,
        error=error.sentence if error else "", name=request.form.get("name", getattr(view, "name", "")),
    )
    return make_response(text, error.status if error else 200)


def _back(endpoint: str) -> str:
    """The list as it was filtered, without its place and with the columns that are chosen now."""
    pairs = parse_qsl(request.form.get("query", ""), keep_blank_values=True)
    query = urlencode([(k, v) for k, v in pairs if k not in RESERVED - {"view"} and k != "col"])
    return url_for(endpoint) + (f"?{query}" if query else "")
