"""Pages of the group's cases."""

from __future__ import annotations

from flask import Blueprint

from plugin_sdk.web import requires, show_list
from plugins.consultation.requests.lists import COMPLETED, PENDING

bp = Blueprint("diagnosis", __name__, template_folder="../templates")


@bp.get("/diagnosis")
@requires("group.request.list")
def index():  # type: ignore[no-untyped-def]
    return show_list(PENDING)


@bp.get("/diagnosis/done")
@requires("group.request.list")
def done():  # type: ignore[no-untyped-def]
    return show_list(COMPLETED)
