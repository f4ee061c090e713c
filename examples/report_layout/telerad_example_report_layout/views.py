"""The page 报告版式: the logo, and a sample of the sheet as it stands."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from plugin_sdk.errors import NotFound
from plugin_sdk.i18n import now as _
from plugin_sdk.web import body_limit, ctx, render, requires

from . import logos, sample
from .renderer import HospitalRenderer

MANAGE = "hospital.example_report_layout.manage"
bp = Blueprint("example_report_layout", __name__, template_folder="templates")


@bp.get("/")
@requires(MANAGE)
def index() -> ResponseReturnValue:
    return _page()


@bp.get("/logo")
@requires(MANAGE)
def logo() -> ResponseReturnValue:
    data = logos.picture(ctx)
    if data is None:
        raise NotFound
    return Response(data, mimetype="image/png" if data.startswith(b"\x89PNG") else "image/jpeg")


@bp.post("/logo")
@requires(MANAGE)
@body_limit(2 * logos.MOST_BYTES)
def change_logo() -> ResponseReturnValue:
    given = request.files.get("logo")
    try:
        logos.change(ctx, given.read() if given else b"", name=given.filename or "" if given else "")
    except logos.NoPicture as error:
        return _page(str(error.sentence)), error.status
    flash(_("院徽已更换，此后生成的报告使用新院徽"), "good")
    return redirect(url_for(".index"), 303)


@bp.post("/logo/remove")
@requires(MANAGE)
def remove_logo() -> ResponseReturnValue:
    logos.remove(ctx)
    return redirect(url_for(".index"), 303)


@bp.get("/sample.pdf")
@requires(MANAGE)
def sample_pdf() -> ResponseReturnValue:
    data = HospitalRenderer(ctx).render(sample.job(ctx))
    return Response(data, mimetype="application/pdf", headers={"Content-Disposition": 'inline; filename="sample.pdf"'})


def _page(error: str = "") -> str:
    return render("example_report_layout/index.html", logo=logos.current(ctx), error=error)
