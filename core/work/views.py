"""The drawer of notices and to-dos, and the poll for their counts."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from core.work import queries
from plugin_sdk.web import ctx, passive, requires

bp = Blueprint("work", __name__)
HOME = ("hospital.home.view", "group.home.view")


@bp.get("/notices")
@requires(*HOME)
def notices() -> ResponseReturnValue:
    return _drawer(todo=False)


@bp.get("/todos")
@requires(*HOME)
def todos() -> ResponseReturnValue:
    return _drawer(todo=True)


@bp.get("/notices/counts")
@requires(*HOME)
@passive
def counts() -> ResponseReturnValue:
    """Both counts; 304 when nothing changed. Polling does not keep a session alive."""
    unread, open_todos = queries.counts(ctx)  # type: ignore[arg-type]
    tag = f"{unread}-{open_todos}"
    if request.if_none_match.contains(tag):
        response = Response(status=304)
    else:
        response = make_response(render_template("_counts.html", notices=unread, todos=open_todos))
    response.set_etag(tag)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@bp.post("/notices/<notice:id>/read")
@requires(*HOME)
def read(id: str) -> ResponseReturnValue:
    """Mark read and go where it leads."""
    row = queries.notice(ctx, id)  # type: ignore[arg-type]
    if row.read_at is None:
        row.read_at = ctx.now()
    return redirect(queries.path_of(ctx, row), 303)  # type: ignore[arg-type]


def _drawer(*, todo: bool) -> ResponseReturnValue:
    rows = queries.recent(ctx, todo=todo)  # type: ignore[arg-type]
    kinds = ctx.app.plugins.house.notice_kinds  # type: ignore[attr-defined]
    fragment = request.headers.get("HX-Target", "").endswith("#drawer")
    unread, open_todos = queries.counts(ctx)  # type: ignore[arg-type]
    return render_template(
        "notices.html", rows=rows, kinds=kinds, todo=todo, fragment=fragment, unread=unread, open_todos=open_todos
    )
