"""Home: the operation log of this hospital or group."""

from __future__ import annotations

from flask import Blueprint, g, url_for
from flask.typing import ResponseReturnValue

from core.audit.lists import DAYS, LOG, OWN, sees_all, since
from core.web import slots
from plugin_sdk.web import requires, show_list

bp = Blueprint("home", __name__)


@bp.get("/")
@requires("hospital.home.view", "group.home.view")
def index() -> ResponseReturnValue:
    """Own entries, or everybody's with the right to see all, who may then also ask for one person's."""
    return show_list(
        LOG if sees_all(g.ctx) else OWN,
        ranges=[(n, url_for(".index", at_from=since(g.ctx, n))) for n in DAYS],
        sees_all=sees_all(g.ctx),
        panels=slots.fill(g.ctx, "home.panel"),
    )
