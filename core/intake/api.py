"""Uploads as an API: one multipart request, or tus 1.0 (creation, core, checksum, termination)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, g, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from core import limits
from core.intake import outcomes, queries, receive, tus
from core.intake.answers import BegunAnswer, FilesForm, UploadAnswer, UploadBody
from core.intake.models import Upload, UploadFile
from core.intake.settings import Intake
from plugin_sdk.errors import Invalid, NotFound, TooLarge, Unsupported
from plugin_sdk.ids import fold, row_id
from plugin_sdk.web import (
    answers,
    body_limit,
    passive,
    read_body,
    reads,
    refuses,
    requires,
    takes,
    takes_bytes,
    takes_form,
)

bp = Blueprint("uploads_api", __name__)
UPLOAD = "hospital.study.upload"
WHOLE = {"type": "integer", "minimum": 0}
RESUMABLE = ("Tus-Resumable",)


@bp.post("/uploads")
@requires(UPLOAD)
@body_limit("upload_request")
@takes(UploadBody)
@takes_form(FilesForm)
@answers(BegunAnswer, 202)
@refuses(507)
def multipart() -> ResponseReturnValue:
    """Take files in one request, or with a JSON body begin a batch that files are sent to by tus.

    What is too big or of the wrong kind is a refused line, not an error.
    """
    if request.mimetype == "application/json":
        read_body(UploadBody)
        return _state(receive.new_upload(g.ctx))
    sizes = g.ctx.settings(Intake)
    g.ctx.rollback()
    g.ctx.app.blobs.check_room()
    request.max_form_parts = limits.current().upload_files
    files = request.files.getlist("file")
    if not files:
        raise Invalid(errors=[{"field": "file", "message": "Field required"}])
    received = []
    for file in files:
        head = file.stream.read(4)
        file.stream.seek(0)
        kind = receive.kind_of(file.filename or "", head)
        pieces = iter(partial(file.stream.read, receive.CHUNK), b"")
        path, size = receive.write_part(g.ctx, pieces, most=sizes.bytes_of(kind or "dcm"))
        received.append((file.filename or "", kind, path, size))
    upload = receive.new_upload(g.ctx)
    for name, kind, path, size in received:
        row = receive.add_file(g.ctx, upload, name=name, path=path, size=size, sent=size)
        if reason := receive.refusal(kind, size, sizes):
            receive.refuse(row, reason)
            path.unlink(missing_ok=True)
    receive.start(g.ctx, upload)
    return _state(upload)


@bp.post("/uploads/<upload:id>/finish")
@requires(UPLOAD)
@answers(BegunAnswer, 202)
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
@reads("files", {"type": "string", "enum": ["0", "1"]})
@answers(UploadAnswer)
def show(id: str) -> ResponseReturnValue:
    """Counts and the outcome of each file; ``?files=0`` leaves the list out."""
    upload = queries.by_public_id(g.ctx, id)
    answer: dict[str, Any] = {"id": upload.public_id, "state": upload.state, "counts": queries.counts(g.ctx, upload.id)}
    if request.args.get("files") != "0":
        sizes = g.ctx.settings(Intake)
        answer["files"] = [_file(line, sizes) for line in queries.files_of(g.ctx, upload.id)]
    return jsonify(answer)


def _file(line: queries.Line, sizes: Intake) -> dict[str, Any]:
    row = line.row
    return {
        "id": row.public_id,
        "parent": line.parent,
        "name": row.name,
        "outcome": row.outcome,
        "reason": row.reason,
        "text": outcomes.sentence(row.outcome, row.reason, row.detail, sizes) if row.outcome else "",
        "study_id": line.study,
    }


@bp.before_request
def check_version() -> None:
    """:raise tus.WrongVersion: the client speaks another tus; one that says nothing is taken for ours"""
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable", tus.VERSION) != tus.VERSION:
        raise tus.WrongVersion


@bp.after_request
def say_version(response: Response) -> Response:
    if "/uploads/tus" in request.path:
        response.headers["Tus-Resumable"] = tus.VERSION
    return response


@bp.route("/uploads/tus", methods=["OPTIONS"])
@requires(UPLOAD)
@answers(None, 204, media="", headers=("Tus-Version", "Tus-Extension", "Tus-Checksum-Algorithm", "Tus-Max-Size", *RESUMABLE))
def options() -> ResponseReturnValue:
    most = max(g.ctx.settings(Intake).bytes_of(kind) for kind in ("dcm", "zip")) - 1
    return Response(status=204, headers={
        "Tus-Version": tus.VERSION, "Tus-Extension": "creation,checksum,termination",
        "Tus-Checksum-Algorithm": "sha1,sha256", "Tus-Max-Size": str(most),
    })


@bp.post("/uploads/tus")
@requires(UPLOAD)
@reads("Upload-Length", WHOLE, header=True, required=True)
@reads("Upload-Metadata", {"type": "string", "example": "filename YS5kY20="}, header=True)
@answers(None, 201, media="", headers=("Location", *RESUMABLE))
@refuses(412, 507)
def create() -> ResponseReturnValue:
    """Announce a file: one of a batch, or an upload of its own that is processed when its last byte is there."""
    try:
        length = int(request.headers["Upload-Length"])
    except (KeyError, ValueError) as error:
        raise Invalid(errors=[{"field": "Upload-Length", "message": "whole number"}]) from error
    if length < 0:
        raise Invalid(errors=[{"field": "Upload-Length", "message": "whole number"}])
    said = tus.metadata(request.headers.get("Upload-Metadata", ""))
    name, batch = said.get("filename", ""), said.get("batch", "")
    receive.check_announced(g.ctx, name, length)
    g.ctx.rollback()                                      # the file is made and synced before anything is written
    g.ctx.app.blobs.check_room()
    own = "" if batch else row_id()
    path = receive.begin_part(g.ctx, own)
    upload = _batch(batch) if batch else receive.new_upload(g.ctx, own)
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
        raise tus.OffsetMismatch
    return upload


@bp.route("/uploads/tus/<upload:id>", methods=["HEAD", "GET"])
@requires(UPLOAD)
@passive
@answers(None, media="", headers=("Upload-Offset", "Upload-Length", *RESUMABLE))
@refuses(412)
def head(id: str) -> ResponseReturnValue:
    _, row = _mine(id)
    return Response(status=200, headers={
        "Upload-Offset": str(row.sent), "Upload-Length": str(row.size), "Cache-Control": "no-store",
    })


@bp.patch("/uploads/tus/<upload:id>")
@requires(UPLOAD)
@body_limit("tus_chunk")
@takes_bytes("application/offset+octet-stream")
@reads("Upload-Offset", WHOLE, header=True, required=True)
@reads("Upload-Checksum", {"type": "string", "pattern": "^sha(1|256) [A-Za-z0-9+/]+={0,2}$"}, header=True)
@answers(None, 204, media="", headers=("Upload-Offset", *RESUMABLE))
@refuses(412, 460, 507)
def send(id: str) -> ResponseReturnValue:
    """Add bytes at the offset that was announced; the answer counts only bytes that are synced."""
    path, offset, _ = _next(id)
    g.ctx.app.blobs.check_room()
    if request.mimetype != "application/offset+octet-stream":
        raise Unsupported
    data = request.get_data(cache=False)
    tus.check_sum(request.headers.get("Upload-Checksum", ""), data)
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
        raise tus.OffsetMismatch from error
    return Response(status=204, headers={"Upload-Offset": str(offset + len(data))})


@bp.delete("/uploads/tus/<upload:id>")
@requires(UPLOAD)
@answers(None, 204, media="", headers=RESUMABLE)
@refuses(412)
def abandon(id: str) -> ResponseReturnValue:
    """Take back a file that is not complete, or any file of a batch that is not finished."""
    upload, row = _mine(id)
    if upload.state != "receiving":
        raise tus.OffsetMismatch
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
        raise tus.OffsetMismatch
    found = g.ctx.app.config.uploads / row.path, row.sent, row.size - row.sent
    g.ctx.rollback()
    return found


def _mine(id: str) -> tuple[Upload, UploadFile]:
    """:raise NotFound: no resumable upload of this person"""
    upload, row = queries.sent_file(g.ctx, id)
    if upload.created_by != g.ctx.user.id:
        raise NotFound
    return upload, row
