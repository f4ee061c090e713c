"""Asking for a sheet, watching it, taking it home: 后台任务."""

from __future__ import annotations

import io
from dataclasses import dataclass

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from core.lists import exports
from core.lists.ask import read
from core.lists.models import RUNNING, ListExport
from core.lists.parts import columns_of, find, may_reveal, registered
from core.lists.saved import args_of, kept
from core.lists.views import HOME
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.web import fresh, passive, requires

bp = Blueprint("exports", __name__)
STATES = {
    "queued": _l("等待"), "running": _l("进行中"), "done": _l("完成"), "failed": _l("失败"), "cancelled": _l("已取消"),
    "expired": _l("已过期"),
}
REASONS = {"forbidden": _l("没有此操作的权限"), "not-found": _l("列表或成员身份已失效")}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One export as it is shown. ``rest``: seconds that it will still take, none while unknown."""

    row: ListExport
    title: object
    state: object
    why: object
    percent: int
    rest: int | None

    @property
    def running(self) -> bool:
        return self.row.state in RUNNING


@bp.get("/lists/<list:list_name>/export")
@requires(*HOME)
def ask(list_name: str) -> ResponseReturnValue:
    """Say beforehand how many rows, which fields, masked or not."""
    return _dialog(list_name, request.args)


@bp.post("/lists/<list:list_name>/export")
@requires(*HOME)
@fresh
def start(list_name: str) -> ResponseReturnValue:
    spec, args = find(g.ctx, list_name), args_of(request.form.get("query", ""))
    try:
        row = exports.start(
            g.ctx, spec, args=args, fields=request.form.getlist("field"), masked=request.form.get("masked") != "no"
        )
    except (exports.Busy, exports.TooManyRows, exports.NothingToExport) as error:
        g.ctx.rollback()
        return _dialog(list_name, args, error)
    return redirect(url_for(".index", at=row.public_id), 303)


@bp.get("/exports")
@requires(*HOME)
def index() -> ResponseReturnValue:
    return render_template("exports.html", lines=_lines(), fragment=request.headers.get("HX-Target") == "section#exports")


@bp.get("/exports/progress")
@requires(*HOME)
@passive
def progress() -> ResponseReturnValue:
    return render_template("exports.html", lines=_lines(), fragment=True)


@bp.post("/exports/<export:id>/cancel")
@requires(*HOME)
def cancel(id: str) -> ResponseReturnValue:
    exports.cancel(g.ctx, exports.mine(g.ctx, id))
    return redirect(url_for(".index"), 303)


@bp.get("/exports/<export:id>/file")
@requires(*HOME)
def download(id: str) -> ResponseReturnValue:
    """The file, for its owner only."""
    from plugin_sdk.excel import MEDIA

    row = exports.mine(g.ctx, id)
    data = io.BytesIO(exports.file_of(g.ctx, row))
    response = send_file(data, mimetype=MEDIA, as_attachment=True, download_name=row.name, etag=False)
    response.headers["Cache-Control"] = "no-store"
    return response


def _dialog(list_name: str, args: MultiDict[str, str], error: DomainError | None = None) -> Response:
    spec = find(g.ctx, list_name)
    asked = read(g.ctx, spec, columns_of(g.ctx, spec), args, page=True)
    rows = exports.size_of(g.ctx, spec, asked)
    if error is None and rows > exports.most():
        error = exports.TooManyRows()
    if error is None and rows == 0:
        error = exports.NothingToExport()
    if error is None and exports.busy(g.ctx):
        error = exports.Busy()
    text = render_template(
        "export.html", spec=spec, rows=rows, most=exports.most(), error=error, query=kept(args),
        columns=exports.columns_for(g.ctx, spec), shown={c.key for c in asked.shown}, reveal=may_reveal(g.ctx, spec),
        back=url_for(spec.endpoint), fragment=request.headers.get("HX-Target", "").endswith("#dialog"),
    )
    return make_response(text, error.status if error and request.method == "POST" else 200)


def _lines() -> list[Line]:
    lists = registered(g.ctx)
    return [_line(row, lists[row.list_name][1].title if row.list_name in lists else row.list_name) for row in exports.recent(g.ctx)]


def _line(row: ListExport, title: object) -> Line:
    percent = min(99, row.done_n * 100 // max(1, row.total_n)) if row.state in RUNNING else 100
    spent = (g.ctx.now() - row.queued_at).total_seconds()
    rest = int(spent * (row.total_n - row.done_n) / row.done_n) + 1 if row.state == "running" and row.done_n else None
    return Line(
        row=row, title=title, state=STATES.get(row.state, row.state), percent=percent, rest=rest,
        why=REASONS.get(row.reason, _l("服务器出错，数据未受影响")) if row.state == "failed" else "",
    )
