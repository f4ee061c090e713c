"""Uploads as an API: one multipart request, or tus 1.0 (creation, core, checksum, termination)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import partial
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, g, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from core.intake import outcomes, queries, receive
from core.intake.models import Upload, UploadFile
from core.intake.settings import Intake
from plugin_sdk.errors import Conflict, DomainError, Invalid, NotFound, TooLarge, Unsupported
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.ids import fold
from plugin_sdk.web import body_limit, passive, requires

bp = Blueprint("uploads_api", __name__)
UPLOAD = "hospital.study.upload"
TUS = "1.0.0"
MOST_CHUNK = 64 * 1024 * 1024
MOST_REQUEST = 4 * 1024**3
MOST_FILES = 2000


class WrongVersion(DomainError):
    status, code, sentence = 412, "bad-request", _l("不支持的上传协议版本")


class ChecksumMismatch(DomainError):
    status, code, sentence = 460, "invalid", _l("校验不一致")


class OffsetMismatch(Conflict):
    code, sentence = "in-progress", _l("上传位置不一致")


@bp.post("/uploads")
@requires(UPLOAD)
@body_limit(MOST_REQUEST)
def multipart() -> ResponseReturnValue:
    """Take files in one request, or with a JSON body begin a batch that files are sent to by tus.

    What is too big or of the wrong kind is a refused line, not an error.
    """
    if request.mimetype == "application/json":
        return _state(receive.new_upload(g.ctx))
    limits = g.ctx.settings(Intake)
    g.ctx.rollback()
    g.ctx.app.blobs.check_room()
    request.max_form_parts = MOST_FILES
    files = request.files.getlist("file")
    if not files:
        raise Invalid(errors=[{"field": "file", "message": "Field required"}])
    received = []
    for file in files:
        head = file.stream.read(4)
        file.stream.seek(0)
        kind = receive.kind_of(file.filename or "", head)
        pieces = iter(partial(file.stream.read, receive.CHUNK), b"")
        path, size = receive.write_part(g.ctx, pieces, most=limits.bytes_of(kind or "dcm"))
        received.append((file.filename or "", kind, path, size))
    upload = receive.new_upload(g.ctx)
    for name, kind, path, size in received:
        row = receive.add_file(g.ctx, upload, name=name, path=path, size=size, sent=size)
        if reason := receive.refusal(kind, size, limits):
            receive.refuse(row, reason)
            path.unlink(missing_ok=True)
    receive.start(g.ctx, upload)
    return _state(upload)


@bp.post("/uploads/<upload:id>/finish")
@requires(UPLOAD)
def finish(id: str) -> ResponseReturnValue:
    """Say that a batch is all there; a file that is not whole is taken out. Only who began it may."""
    upload = queries.held_by_writer(g.ctx, id)
    if upload.created_by != g.ctx.user.id:
        raise NotFound
    receive.finish(g.ctx, upload)
    return _state(upload)


def _state(upload: Upload) -> ResponseReturnValue:
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
        answer["files"] = [_file(line, limits) for line in queries.files_of(g.ctx, upload.id)]
    return jsonify(answer)


def _file(line: queries.Line, limits: Intake) -> dict[str, Any]:
    row = line.row
    return {
        "id": row.public_id,
        "parent": line.parent,
        "name": row.name,
        "outcome": row.outcome,
        "reason": row.reason,
        "text": outcomes.sentence(row.outcome, row.reason, row.detail, limits) if row.outcome else "",
        "study_id": line.study,
    }


@bp.before_request
def check_version() -> None:
    """:raise WrongVersion: the client speaks another tus; one that says nothing is taken for ours"""
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable", TUS) != TUS:
        raise WrongVersion


@bp.after_request
def say_version(response: Response) -> Response:
    if "/uploads/tus" in request.path:
        response.headers["Tus-Resumable"] = TUS
    return response


@bp.route("/uploads/tus", methods=["OPTIONS"])
@requires(UPLOAD)
def options() -> ResponseReturnValue:
    most = max(g.ctx.settings(Intake).bytes_of(kind) for kind in ("dcm", "zip")) - 1
    return Response(status=204, headers={
        "Tus-Version": TUS, "Tus-Extension": "creation,checksum,termination",
        "Tus-Checksum-Algorithm": "sha1,sha256", "Tus-Max-Size": str(most),
    })


@bp.post("/uploads/tus")
@requires(UPLOAD)
def create() -> ResponseReturnValue:
    """Announce a file: one of a batch, or an upload of its own that is processed when its last byte is there."""
    try:
        length = int(request.headers["Upload-Length"])
    except (KeyError, ValueError) as error:
        raise Invalid(errors=[{"field": "Upload-Length", "message": "whole number"}]) from error
    if length < 0:
        raise Invalid(errors=[{"field": "Upload-Length", "message": "whole number"}])
    said = _metadata(request.headers.get("Upload-Metadata", ""))
    name, batch = said.get("filename", ""), said.get("batch", "")
    receive.check_announced(g.ctx, name, length)
    g.ctx.app.blobs.check_room()
    upload = _batch(batch) if batch else receive.new_upload(g.ctx)
    path = receive.begin_part(g.ctx, "" if batch else upload.public_id)
    row = receive.add_file(g.ctx, upload, name=name, path=path, size=length, sent=0)
    if length == 0:
        receive.refuse(row, "empty")
        if not batch:
            receive.start(g.ctx, upload)
    return Response(status=201, headers={"Location": url_for(".head", id=row.public_id if batch else upload.public_id)})


def _batch(typed: str) -> Upload:
    """:raise NotFound: no batch of this person; :raise OffsetMismatch: it is finished"""
    upload = queries.held_by_writer(g.ctx, fold(typed) or "")
    if upload.created_by != g.ctx.user.id:
        raise NotFound
    if upload.state != "receiving":
        raise OffsetMismatch
    return upload


@bp.route("/uploads/tus/<upload:id>", methods=["HEAD", "GET"])
@requires(UPLOAD)
@passive
def head(id: str) -> ResponseReturnValue:
    _, row = _mine(id)
    return Response(status=200, headers={
        "Upload-Offset": str(row.sent), "Upload-Length": str(row.size), "Cache-Control": "no-store",
    })


@bp.patch("/uploads/tus/<upload:id>")
@requires(UPLOAD)
@body_limit(MOST_CHUNK)
def send(id: str) -> ResponseReturnValue:
    """Add bytes at the offset that was announced; the answer counts only bytes that are synced."""
    path, offset, _ = _next(id)
    if request.mimetype != "application/offset+octet-stream":
        raise Unsupported
    data = request.get_data(cache=False)
    _check_sum(request.headers.get("Upload-Checksum", ""), data)
    try:
        with receive.writing(path) as part:
            path, offset, left = _next(id)
            if len(data) > left:
                raise TooLarge
            receive.put(part, data, offset)
            upload, row = _mine(id)
            row.sent = offset + len(data)
            if row.sent == row.size and id == upload.public_id:
                receive.start(g.ctx, upload)
            g.ctx.commit()
    except FileNotFoundError as error:
        raise OffsetMismatch from error
    return Response(status=204, headers={"Upload-Offset": str(offset + len(data))})


@bp.delete("/uploads/tus/<upload:id>")
@requires(UPLOAD)
def abandon(id: str) -> ResponseReturnValue:
    """Take back a file that is not complete, or any file of a batch that is not finished."""
    upload, row = _mine(id)
    if upload.state != "receiving":
        raise OffsetMismatch
    if row.path:
        path = g.ctx.app.config.uploads / row.path
        g.ctx.after_commit(lambda: path.unlink(missing_ok=True))
    g.ctx.db.delete(row)
    g.ctx.db.flush()
    if id == upload.public_id:
        g.ctx.db.delete(upload)
    return Response(status=204)


def _next(id: str) -> tuple[Path, int, int]:
    """Where the next byte of a part belongs: path, offset, bytes that are missing. Leaves no transaction open.

    :raise OffsetMismatch: the request has another offset in mind, or the file is complete
    """
    upload, row = _mine(id)
    if request.headers.get("Upload-Offset") != str(row.sent) or upload.state != "receiving" or row.outcome:
        raise OffsetMismatch
    found = g.ctx.app.config.uploads / row.path, row.sent, row.size - row.sent
    g.ctx.rollback()
    return found


def _mine(id: str) -> tuple[Upload, UploadFile]:
    """:raise NotFound: no resumable upload of this person"""
    upload, row = queries.sent_file(g.ctx, id)
    if upload.created_by != g.ctx.user.id:
        raise NotFound
    return upload, row


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
