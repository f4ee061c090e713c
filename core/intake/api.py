"""Uploads as an API: one multipart request, or tus 1.0 (creation, core, checksum, termination)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import Any

from flask import Blueprint, Response, g, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from core.intake import outcomes, queries, receive
from core.intake.models import Upload, UploadFile
from core.intake.settings import Intake
from plugin_sdk.errors import Conflict, DomainError, Invalid, NotFound, TooLarge, Unsupported
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.web import body_limit, passive, requires

bp = Blueprint("uploads_api", __name__)
UPLOAD = "hospital.study.upload"
TUS = {"Tus-Resumable": "1.0.0"}
MOST_CHUNK = 64 * 1024 * 1024
MOST_REQUEST = 4 * 1024**3
MOST_FILES = 2000


class ChecksumMismatch(DomainError):
    status, code, sentence = 460, "invalid", _l("校验不一致")


class OffsetMismatch(Conflict):
    code, sentence = "in-progress", _l("上传位置不一致")


@bp.post("/uploads")
@requires(UPLOAD)
@body_limit(MOST_REQUEST)
def multipart() -> ResponseReturnValue:
    """Take files in one request; what is too big or of the wrong kind is a refused line, not an error."""
    limits = g.ctx.settings(Intake)
    g.ctx.rollback()
    request.max_form_parts = MOST_FILES
    files = request.files.getlist("file")
    if not files:
        raise Invalid(errors=[{"field": "file", "message": "Field required"}])
    received = []
    for file in files:
        head = file.stream.read(4)
        file.stream.seek(0)
        kind = receive.kind_of(file.filename or "", head)
        path, size = receive.write_part(g.ctx, file.stream, most=limits.bytes_of(kind or "dcm"))
        received.append((file.filename or "", kind, path, size))
    upload = receive.new_upload(g.ctx)
    for name, kind, path, size in received:
        row = receive.add_file(g.ctx, upload, name=name, path=path, size=size, sent=size)
        reason = "wrong_kind" if kind is None else "empty" if size == 0 else "" if limits.allows(kind, size) else f"{kind}_too_big"
        if reason:
            receive.refuse(row, reason)
            path.unlink(missing_ok=True)
    receive.start(g.ctx, upload)
    return jsonify({"id": upload.public_id, "state": upload.state}), 202


@bp.get("/uploads/<upload:id>")
@requires(UPLOAD)
@passive
def show(id: str) -> ResponseReturnValue:
    """Counts and the outcome of each file; ``?files=0`` leaves the list out."""
    upload = queries.by_public_id(g.ctx, id)
    answer: dict[str, Any] = {"id": upload.public_id, "state": upload.state, "counts": queries.counts(g.ctx, upload.id)}
    if request.args.get("files") != "0":
        limits = g.ctx.settings(Intake)
        answer["files"] = [_file(row, study, limits) for row, study in queries.files_of(g.ctx, upload.id)]
    return jsonify(answer)


def _file(row: UploadFile, study: str | None, limits: Intake) -> dict[str, Any]:
    return {
        "name": row.name,
        "outcome": row.outcome,
        "reason": row.reason,
        "text": outcomes.sentence(row.outcome, row.reason, row.detail, limits) if row.outcome else "",
        "study_id": study,
    }


@bp.route("/uploads/tus", methods=["OPTIONS"])
@requires(UPLOAD)
def options() -> ResponseReturnValue:
    most = max(g.ctx.settings(Intake).bytes_of(kind) for kind in ("dcm", "zip")) - 1
    return Response(status=204, headers={
        **TUS, "Tus-Version": "1.0.0", "Tus-Extension": "creation,checksum,termination",
        "Tus-Checksum-Algorithm": "sha1,sha256", "Tus-Max-Size": str(most),
    })


@bp.post("/uploads/tus")
@requires(UPLOAD)
def create() -> ResponseReturnValue:
    """Announce a file; each is an upload of its own, processed when its last byte is there."""
    try:
        length = int(request.headers["Upload-Length"])
    except (KeyError, ValueError) as error:
        raise Invalid(errors=[{"field": "Upload-Length", "message": "whole number"}]) from error
    if length < 0:
        raise Invalid(errors=[{"field": "Upload-Length", "message": "whole number"}])
    name = _metadata(request.headers.get("Upload-Metadata", "")).get("filename", "")
    receive.check_announced(g.ctx, name, length)
    upload = receive.new_upload(g.ctx)
    path = receive.area(g.ctx) / f"{upload.public_id}.part"
    path.touch(mode=0o600)
    row = receive.add_file(g.ctx, upload, name=name, path=path, size=length, sent=0)
    if length == 0:
        receive.refuse(row, "empty")
        receive.start(g.ctx, upload)
    return Response(status=201, headers={**TUS, "Location": url_for(".head", id=upload.public_id)})


@bp.route("/uploads/tus/<upload:id>", methods=["HEAD", "GET"])
@requires(UPLOAD)
@passive
def head(id: str) -> ResponseReturnValue:
    _, row = _mine(id)
    return Response(status=200, headers={
        **TUS, "Upload-Offset": str(row.sent), "Upload-Length": str(row.size), "Cache-Control": "no-store",
    })


@bp.patch("/uploads/tus/<upload:id>")
@requires(UPLOAD)
@body_limit(MOST_CHUNK)
def send(id: str) -> ResponseReturnValue:
    """Add bytes at the offset that was announced; the answer counts only bytes that are synced."""
    upload, row = _mine(id)
    if request.mimetype != "application/offset+octet-stream":
        raise Unsupported
    if request.headers.get("Upload-Offset") != str(row.sent) or upload.state != "receiving":
        raise OffsetMismatch
    row_id, offset, size, path = row.id, row.sent, row.size, g.ctx.app.config.uploads / row.path
    g.ctx.rollback()
    data = request.get_data(cache=False)
    if offset + len(data) > size:
        raise TooLarge
    _check_sum(request.headers.get("Upload-Checksum", ""), data)
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, data, offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    row = g.ctx.db.get_one(UploadFile, row_id, populate_existing=True, with_for_update=True)
    if row.sent != offset:
        raise OffsetMismatch
    row.sent = offset + len(data)
    if row.sent == row.size:
        receive.start(g.ctx, queries.by_public_id(g.ctx, id))
    return Response(status=204, headers={**TUS, "Upload-Offset": str(row.sent)})


@bp.delete("/uploads/tus/<upload:id>")
@requires(UPLOAD)
def abandon(id: str) -> ResponseReturnValue:
    """Take back a file that is not complete."""
    upload, row = _mine(id)
    if upload.state != "receiving":
        raise OffsetMismatch
    (g.ctx.app.config.uploads / row.path).unlink(missing_ok=True)
    g.ctx.db.delete(row)
    g.ctx.db.flush()
    g.ctx.db.delete(upload)
    return Response(status=204, headers=TUS)


def _mine(id: str) -> tuple[Upload, UploadFile]:
    """:raise NotFound: no upload of this person"""
    upload = queries.by_public_id(g.ctx, id)
    rows = queries.pending(g.ctx, upload.id, parent=None)
    if upload.created_by != g.ctx.user.id or len(rows) != 1:
        raise NotFound
    return upload, rows[0]


def _metadata(text: str) -> dict[str, str]:
    """``key base64,key base64`` as tus writes it."""
    found = {}
    for pair in filter(None, text.split(",")):
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except binascii.Error as error:
            raise Invalid(errors=[{"field": "Upload-Metadata", "message": key}]) from error
    return found


def _check_sum(header: str, data: bytes) -> None:
    """:raise ChecksumMismatch: nothing was written"""
    if not header:
        return
    name, _, value = header.partition(" ")
    if name not in ("sha1", "sha256"):
        raise Invalid(errors=[{"field": "Upload-Checksum", "message": name}])
    if base64.b64encode(hashlib.new(name, data).digest()).decode() != value:
        raise ChecksumMismatch
