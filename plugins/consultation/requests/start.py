"""The start dialog: choose group, reader, parts and urgency."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("start", __name__, template_folder="../templates")
