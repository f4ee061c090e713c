"""Studies as JSON."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue

from core.studies import actions, queries
from core.studies.answers import OpeningAnswer, StudyAnswer, StudySummary
from core.studies.lists import STUDIES
from core.studies.models import Series, Study
from plugin_sdk.capabilities import Viewer
from plugin_sdk.web import answers, list_json, lists, requires

bp = Blueprint("studies_api", __name__)


@bp.get("/studies")
@requires("hospital.study.view")
@lists(STUDIES, StudySummary)
def index() -> ResponseReturnValue:
    return list_json(STUDIES, summary)


@bp.get("/studies/<study:id>")
@requires("hospital.study.view")
@answers(StudyAnswer)
def show(id: str) -> ResponseReturnValue:
    return jsonify(whole(g.ctx, queries.by_public_id(g.ctx, id)))


@bp.post("/studies/<study:id>/lock")
@requires("hospital.study.lock")
@answers(StudyAnswer)
def lock(id: str) -> ResponseReturnValue:
    return jsonify(whole(g.ctx, actions.lock(g.ctx, id)))


@bp.post("/studies/<study:id>/unlock")
@requires("hospital.study.lock")
@answers(StudyAnswer)
def unlock(id: str) -> ResponseReturnValue:
    return jsonify(whole(g.ctx, actions.unlock(g.ctx, id)))


@bp.delete("/studies/<study:id>")
@requires("hospital.study.delete")
@answers(None, 204, media="")
def delete(id: str) -> ResponseReturnValue:
    actions.trash(g.ctx, id)
    return "", 204


@bp.post("/studies/<study:id>/images")
@requires("hospital.study.view")
@answers(OpeningAnswer, 201)
def images(id: str) -> ResponseReturnValue:
    """Open the images: the root is readable with the caller's session or token alone."""
    row = queries.by_public_id(g.ctx, id)
    opening = g.ctx.studies.open_images([row.id])
    viewer = g.ctx.get(Viewer)
    g.ctx.audit("study.viewed", ref=f"studies:study:{row.public_id}")
    return jsonify(
        {
            "access": opening.access,
            "dicomweb": opening.dicomweb,
            "viewer": viewer.url(opening.access, study_uids=opening.study_uids) if viewer else None,
            "expires_at": opening.expires_at.isoformat(),
        }
    ), 201


def summary(row: Study) -> dict[str, Any]:
    """A study without its series."""
    patient = row.patient
    return {
        "id": row.public_id,
        "study_instance_uid": row.uid,
        "patient": {
            "id": patient.pid,
            "name": patient.name,
            "sex": patient.sex,
            "birth_date": patient.birth_date.isoformat() if patient.birth_date else None,
            "age": row.age,
        },
        "accession_number": row.accession,
        "study_date": row.study_date.isoformat() if row.study_date else None,
        "study_time": row.study_time.isoformat("seconds") if row.study_time else None,
        "modalities": row.modalities.split("/") if row.modalities else [],
        "body_part": row.body_part,
        "description": row.description,
        "institution_name": row.institution,
        "series_count": row.n_series,
        "instance_count": row.n_instances,
        "status": row.status,
        "locked": row.locked_by is not None,
        "complete": row.complete_at is not None,
        "uploaded_at": row.uploaded_at.isoformat(),
        "uploader": row.uploader,
        "device": row.device,
    }


def whole(ctx: Any, row: Study) -> dict[str, Any]:
    return {**summary(row), "series": [_series(s) for s in queries.series_of(ctx, row.id)]}


def _series(row: Series) -> dict[str, Any]:
    return {
        "series_instance_uid": row.uid,
        "modality": row.modality,
        "number": row.number,
        "description": row.description,
        "body_part": row.body_part,
        "instance_count": row.n_instances,
        "hidden": row.hidden,
    }
