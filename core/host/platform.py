"""功能插件 for the platform's operators: what is installed and how it does, who uses it, and who may. No patient data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from core.host import allowances, faults, overview
from core.host.overview import Overview
from core.host.standing import CAPABILITY_WORDS, HEALTH
from core.tenancy.sessions import nobody
from plugin_sdk.errors import DomainError, NotFound
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.web import fresh, operator

bp = Blueprint("admin_plugins", __name__, url_prefix="/plugins")
MANAGE = "platform.plugin.manage"
SIDES = {"hospital": _l("医院端"), "group": _l("诊断端"), "both": _l("两端"), "": _l("未知")}


@bp.get("")
@operator(MANAGE)
def index() -> ResponseReturnValue:
    g.house.plugins.guard.ledger.flush()
    found = overview.of_house(g.house)
    return render_template(
        "admin_plugins.html", plugins=found, counts=Counter(p.state for p in found), health=HEALTH, sides=SIDES,
        bad=[p for p in found if p.state in ("broken", "degraded", "missing")], busiest=_busiest(found),
    )


@bp.get("/<plugin:plugin>")
@operator(MANAGE)
def show(plugin: str) -> ResponseReturnValue:
    return _page(plugin)


@bp.post("/<plugin:plugin>/allow")
@operator(MANAGE)
@fresh
def allow(plugin: str) -> ResponseReturnValue:
    """Let a tenant use a plugin, or not any more."""
    code, allowed = request.form.get("tenant", ""), request.form.get("allowed") == "yes"

    def act() -> None:
        allowances.allow(
            g.house, code, plugin, allowed=allowed, was=request.form.get("was") == "yes", by=g.principal.account.id
        )

    return _done(plugin, act, _("已向 %(code)s 开放", code=code) if allowed else _("已不再向 %(code)s 开放", code=code))


@bp.post("/<plugin:plugin>/switch")
@operator(MANAGE)
@fresh
def switch(plugin: str) -> ResponseReturnValue:
    """Turn the switch of one tenant."""
    code = request.form.get("tenant", "")

    def act() -> None:
        allowances.switch(
            g.house, code, plugin, to=request.form.get("to", ""), was=request.form.get("was", ""), by=g.principal.account.id
        )

    return _done(plugin, act, _("已为 %(code)s 修改", code=code))


@bp.post("/<plugin:plugin>/reset")
@operator(MANAGE)
def reset(plugin: str) -> ResponseReturnValue:
    """Forget the latest failures of a plugin: it is no longer degraded. Counts stay."""
    if plugin not in overview.known(g.house):
        raise NotFound
    with nobody(write=True) as session:
        faults.reset(session, plugin)
    flash(_("已重新计数"), "good")
    return redirect(url_for(".show", plugin=plugin), 303)


def _done(name: str, act: Callable[[], None], said: str) -> ResponseReturnValue:
    """Do it and lead back, or say on the page why not."""
    try:
        act()
    except DomainError as error:
        if error.status not in (409, 422, 503):
            raise
        return _page(name, error=str(error.sentence)), error.status
    flash(said, "good")
    return redirect(url_for(".show", plugin=name, q=request.form.get("q") or None), 303)


def _page(name: str, *, error: str = "") -> str:
    g.house.plugins.guard.ledger.flush()
    found = next((p for p in overview.of_house(g.house, rows=name) if p.name == name), None)
    if found is None:
        raise NotFound
    find = request.values.get("q", "")[:60]
    tenants, more = allowances.uses(g.house, name, find=find)
    plugin = g.house.plugins.found.get(name)
    return render_template(
        "admin_plugin.html", plugin=found, health=HEALTH, sides=SIDES, error=error, tenants=tenants, more=more, find=find,
        summary=plugin.summary if plugin else "", provides=[CAPABILITY_WORDS.get(c, c) for c in found.provides],
        most=allowances.MOST,
    )


def _busiest(plugins: list[Overview]) -> dict[str, float]:
    """Milliseconds of the slowest place of each plugin, in the mean."""
    return {p.name: max(place.ms for place in p.places) for p in plugins if p.places}
