"""Pages of the hospital's requests."""

from __future__ import annotations

from flask import Blueprint

from plugin_sdk.web import requires, show_list
from plugins.consultation.requests.lists import REQUESTS

bp = Blueprint("requests", __name__, template_folder="../templates")


@bp.get("/requests")
@requires("hospital.request.list")
def index():  # type: ignore[no-untyped-def]
    return show_list(REQUESTS)
