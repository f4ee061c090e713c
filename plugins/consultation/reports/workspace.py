"""The report workspace: images beside the text."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("workspace", __name__, template_folder="../templates")
