"""功能插件: what a hospital or group has switched on, its switches and its plugins' settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from core.host import allowances, loader, standing, switches
from core.tenancy import changes
from core.tenancy.changes import Place
from core.tenancy.sheets import Sheets
from plugin_sdk.errors import Conflict, DomainError, Invalid, NotFound
from plugin_sdk.i18n import now as _
from plugin_sdk.web import fresh, requires

bp = Blueprint("plugins", __name__, url_prefix="/manage/plugins")
MANAGE = ("hospital.plugin.manage", "group.plugin.manage")


@bp.get("")
@requires(*MANAGE)
def index() -> ResponseReturnValue:
    found = standing.every(g.ctx)
    return render_template(
        "plugins.html", plugins=found, choices=standing.choices(g.ctx), on=sum(p.switch != "off" for p in found),
        bad=[p for p in found if p.health in ("broken", "degraded", "missing") and p.switch != "off"], error="",
    )


@bp.get("/<plugin:plugin>")
@requires(*MANAGE)
def show(plugin: str) -> ResponseReturnValue:
    return _page(plugin)


@bp.post("/<plugin:plugin>/switch")
@requires(*MANAGE)
@fresh
def switch(plugin: str) -> ResponseReturnValue:
    """Switch on, off or draining. ``was`` is how it stood on the page: another administrator may have been quicker."""
    standing.of(g.ctx, plugin)
    to = request.form.get("to", "")
    try:
        switches.expect(g.ctx, plugin, request.form.get("was", ""))
        if to not in allowances.VERBS:
            raise Invalid(errors=[{"field": "to", "message": "to"}])
        changed = allowances.VERBS[to](g.ctx, plugin)
    except DomainError as error:
        if error.status not in (409, 422, 503):
            raise
        switches.undo(g.ctx)
        return _page(plugin, error=str(error.sentence)), error.status
    state = standing.SWITCHES[switches.state_of(g.ctx, plugin)].label
    flash(_("%(plugins)s：%(state)s", plugins=switches.titles(g.ctx, changed or [plugin]), state=state), "good")
    still = plugin in {s.name for s in standing.every(g.ctx)}  # one that is gone leaves with its switch
    return redirect(url_for(".show", plugin=plugin) if still else url_for(".index"), 303)


@bp.post("/provider")
@requires(*MANAGE)
@fresh
def choose() -> ResponseReturnValue:
    """Choose who provides a capability, where several plugins can."""
    capability, name = request.form.get("capability", ""), request.form.get("provider", "")
    switches.choose(g.ctx, capability, name, was=request.form.get("was", ""))
    title = standing.CAPABILITY_WORDS.get(capability, capability)
    flash(_("%(capability)s由“%(plugin)s”提供", capability=title, plugin=switches.title_of(g.ctx, name)), "good")
    return redirect(url_for(".index"), 303)


@bp.post("/<plugin:plugin>/settings")
@requires(*MANAGE)
@fresh
def save(plugin: str) -> ResponseReturnValue:
    """Save one settings form: the tenant's, or with ``with`` those of the connection to that partner."""
    place = next((p for p in _places(plugin) if (p.partner.code if p.partner else "") == request.form.get("with", "")), None)
    if place is None:
        raise NotFound
    sheets = Sheets(g.ctx, _places(plugin))
    try:
        changed = changes.save(
            g.ctx, place, request.form, version=request.form.get("version", ""), reset=request.form.get("reset", "")
        )
    except (Invalid, Conflict) as error:
        g.ctx.rollback()
        return _page(plugin, sheets=sheets.refused(place, request.form, error)), error.status
    flash(_("已保存") if changed else _("没有修改"), "good")
    return redirect(url_for(".show", plugin=plugin), 303)


def _places(name: str) -> list[Place]:
    """:raise NotFound: no plugin of this side, or one that has no settings of a tenant or connection or did not start"""
    standing.of(g.ctx, name)
    plugin = g.ctx.app.plugins.found.get(name)
    if plugin is None or name in g.ctx.app.plugins.broken:
        return []
    ref = f"host:plugin:{name}"
    return [p for s in ("tenant", "link") if s in plugin.settings for p in changes.places(g.ctx, loader.resolve(plugin.settings[s]), ref)]


def _page(name: str, *, error: str = "", sheets: Sequence[Any] | None = None) -> str:
    found = standing.of(g.ctx, name)
    return render_template(
        "plugin.html", plugin=found, error=error, adds=standing.adds(g.ctx, name), tables=standing.stored(g.ctx, name),
        last=switches.last_turn(g.ctx, name), failure=standing.recent_error(name) if found.health == "degraded" else None,
        problems=standing.problems(g.ctx, name) if found.switch == "on" and not found.dependants else [],
        brings=[p for p in found.needs if p.state.value != "on"],
        sheets=Sheets(g.ctx, _places(name)).drawn() if sheets is None else sheets,
    )
