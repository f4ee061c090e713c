"""Serve the viewer's files. The shell is public and the same for everybody; the images behind it are not."""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Response, jsonify, request

from plugin_sdk.web import passive, public, signed_in, viewer_tools
from plugins.viewer import dist
from plugins.viewer.config import app_config_js

bp = Blueprint("viewer", __name__, url_prefix="/viewer")


@cache
def _dist() -> dist.Dist:
    return dist.load()


@bp.get("/", defaults={"filename": "index.html"})
@bp.get("/<path:filename>")
@public
@passive
def file(filename: str) -> Response:
    if filename == "app-config.js":
        return _dist().send_script("app-config.js", app_config_js())
    return _dist().send(filename, gzip_ok=request.accept_encodings.quality("gzip") > 0)


@bp.get("/tools/<access:access>")
@signed_in
@passive
def tools(access: str) -> Response:
    """Buttons of plugins, for the person and the tenant that opened these images."""
    return jsonify({"tools": viewer_tools(access)})
