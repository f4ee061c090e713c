"""设置: what a hospital or group decides about core itself. Plugins' settings stand on their own pages."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from core.tenancy import changes, settings
from core.tenancy.changes import Place, Sheet
from core.tenancy.sheets import Sheets
from plugin_sdk.errors import Conflict, Invalid, NotFound
from plugin_sdk.i18n import now as _
from plugin_sdk.web import fresh, requires

bp = Blueprint("settings", __name__, url_prefix="/manage/settings")
MANAGE = ("hospital.settings.manage", "group.settings.manage")


@bp.get("")
@requires(*MANAGE)
def show() -> ResponseReturnValue:
    return _page(Sheets(g.ctx, list(_places().values())).drawn())


@bp.post("")
@requires(*MANAGE)
@fresh
def save() -> ResponseReturnValue:
    """Save the settings of one ``owner``, a part of core."""
    places = _places()
    place = places.get(request.form.get("owner", ""))
    if place is None:
        raise NotFound
    try:
        changed = changes.save(
            g.ctx, place, request.form, version=request.form.get("version", ""), reset=request.form.get("reset", "")
        )
    except (Invalid, Conflict) as error:
        g.ctx.rollback()
        return _page(Sheets(g.ctx, list(places.values())).refused(place, request.form, error)), error.status
    flash(_("已保存") if changed else _("没有修改"), "good")
    return redirect(url_for(".show"), 303)


def _places() -> dict[str, Place]:
    """By owner, those that concern this side."""
    catalogue = settings.catalogue()
    return {
        (owner := catalogue.prefix(cls)[0]): Place(cls, f"{owner}:settings:{g.ctx.tenant.code}")
        for cls, section in catalogue.sections.items() if g.ctx.side in section.sides
    }


def _page(sheets: list[Sheet]) -> str:
    return render_template("settings.html", cards=[(settings.catalogue().sections[s.place.cls].title, s) for s in sheets])
