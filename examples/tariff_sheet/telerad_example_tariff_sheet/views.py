"""价目表: a group's prices for each hospital: upload, look, save, read what was. A hospital reads its own."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from plugin_sdk.errors import Invalid, NotFound
from plugin_sdk.excel import MEDIA
from plugin_sdk.i18n import now as _
from plugin_sdk.types import LinkView
from plugin_sdk.web import body_limit, ctx, fresh, render, requires

from . import actions, queries, sheet
from .models import Tariff
from .plugin import MANAGE, SEE
from .pricing import Price
from .sheet import Parsed

Texts = tuple[str, ...]
bp = Blueprint("example_tariff_sheet", __name__, template_folder="templates")


@bp.get("/")
@requires(MANAGE, SEE)
def index() -> ResponseReturnValue:
    links = ctx.links.active()
    return render("example_tariff_sheet/index.html", links=[(link, queries.in_force(ctx, link.id)) for link in links])


@bp.get("/empty.xlsx")
@requires(MANAGE)
def empty() -> ResponseReturnValue:
    return _workbook((), "tariff.xlsx")


@bp.get("/<connection:id>")
@requires(MANAGE, SEE)
def show(id: str) -> ResponseReturnValue:
    return _page(ctx.links.by_public_id(id))


@bp.post("/<connection:id>")
@requires(MANAGE)
@body_limit(2 * 1024 * 1024)
def upload(id: str) -> ResponseReturnValue:
    """Read a sheet. With anything wrong, every row is shown with what is wrong, and nothing is kept."""
    link, given = ctx.links.by_public_id(id), request.files.get("sheet")
    name = given.filename or "" if given else ""
    try:
        parsed = sheet.parse(given.read() if given else b"")
    except Invalid as error:
        return _page(link, error=str(error.sentence)), error.status
    if parsed.wrong:
        return _page(link, parsed=parsed, file_name=name), Invalid.status
    made = actions.draft(ctx, link, parsed.prices, file_name=name)
    return redirect(url_for(".version", id=id, tariff=made.public_id), 303)


@bp.get("/<connection:id>/<example_tariff_sheet_tariff:tariff>")
@requires(MANAGE, SEE)
def version(id: str, tariff: str) -> ResponseReturnValue:
    """One version as it was saved, or a draft beside what it would replace."""
    return _version(*_found(id, tariff))


@bp.get("/<connection:id>/<example_tariff_sheet_tariff:tariff>/tariff.xlsx")
@requires(MANAGE, SEE)
def workbook(id: str, tariff: str) -> ResponseReturnValue:
    _link, found = _found(id, tariff)
    return _workbook(queries.prices(ctx, found), f"tariff-{found.version or 'draft'}.xlsx")


@bp.post("/<connection:id>/<example_tariff_sheet_tariff:tariff>")
@requires(MANAGE)
@fresh
def save(id: str, tariff: str) -> ResponseReturnValue:
    link, found = _found(id, tariff)
    try:
        saved = actions.save(ctx, link, found)
    except actions.Overtaken as error:
        return _version(link, found, error=str(error.sentence)), error.status
    flash(_("第 %(n)s 版价目表已生效，新的申请按此计费", n=saved.version), "good")
    return redirect(url_for(".show", id=id), 303)


def _found(id: str, tariff: str) -> tuple[LinkView, Tariff]:
    link, found = ctx.links.by_public_id(id), queries.tariff_or_404(ctx, tariff)
    if found.link_id != link.id:
        raise NotFound
    return link, found


def _page(link: LinkView, *, parsed: Parsed | None = None, file_name: str = "", error: str = "") -> str:
    saved = queries.versions(ctx, link.id)
    return render(
        "example_tariff_sheet/tariff.html", link=link, versions=saved, parsed=parsed, file_name=file_name, error=error,
        heads=sheet.HEADS, rows=[sheet.texts_of(p) for p in queries.prices(ctx, saved[0])] if saved else [],
    )


def _version(link: LinkView, found: Tariff, *, error: str = "") -> str:
    before = queries.in_force(ctx, link.id) if found.version is None else None
    rows, gone = compared(queries.prices(ctx, found), queries.prices(ctx, before) if before else ())
    return render(
        "example_tariff_sheet/version.html", link=link, tariff=found, heads=sheet.HEADS, rows=rows, gone=gone, error=error,
        before=before,
    )


def compared(prices: Sequence[Price], before: Sequence[Price]) -> tuple[list[tuple[Texts, Texts | None]], list[Texts]]:
    """Each row with the one it replaces, which is itself where nothing changed and ``None`` for a new one; rows that go."""
    old = {(p.modality, p.part): sheet.texts_of(p) for p in before}
    rows = [(sheet.texts_of(p), old.pop((p.modality, p.part), None)) for p in prices]
    return rows, list(old.values())


def _workbook(prices: Sequence[Price], name: str) -> Response:
    return Response(sheet.write(prices), mimetype=MEDIA, headers={"Content-Disposition": f'attachment; filename="{name}"'})
