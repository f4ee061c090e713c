"""The upload page: also opened as a dialog over any page of the hospital."""

from __future__ import annotations

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from core.intake.outcomes import SENTENCES
from core.intake.settings import Intake
from plugin_sdk.web import requires

bp = Blueprint("uploads", __name__)


@bp.get("/uploads")
@requires("hospital.study.upload")
def page() -> ResponseReturnValue:
    limits = g.ctx.settings(Intake)
    base = url_for("uploads_api.multipart")
    return render_template(
        "upload.html", fragment=request.headers.get("HX-Target") == "dialog#dialog", multipart_url=base,
        tus_url=url_for("uploads_api.create"), status_url=base, dcm_mb=limits.dcm_max_mb, zip_mb=limits.zip_max_mb,
        reasons={code: str(sentence) for code, sentence in SENTENCES.items()}, study_url=url_for("studies.index"),
    )
