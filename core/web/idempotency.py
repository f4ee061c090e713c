"""A POST under a key is done once: its answer is stored in the effect's own transaction and given again.

Another body under the same key is 422. A 5xx is not stored: it rolled back, so the retry runs it. A form with files is
digested while it is received, so that gigabytes are neither read twice nor hashed while the database is held.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from typing import IO, Any

import sqlalchemy as sa
from flask import Request, Response, g, request
from sqlalchemy.exc import IntegrityError

from core import clock, limits
from core.work.models import Idempotency
from plugin_sdk.errors import Conflict, DomainError, Invalid
from plugin_sdk.i18n import lazy as _l

KEY = re.compile(r"[\x21-\x7e]{1,64}")


class KeyReused(DomainError):
    code, sentence = "key-reused", _l("同一幂等键用于了不同的内容")


class InProgress(Conflict):
    code, sentence = "in-progress", _l("同一请求正在处理，请稍后再试")


def wanted() -> bool:
    return (
        request.method == "POST"
        and "Idempotency-Key" in request.headers
        and g.get("ctx") is not None
        and g.get("principal") is not None
    )


def replay() -> Response | None:
    """The stored answer of this key, if there is one.

    :raise KeyReused: stored for another body
    """
    key = request.headers.get("Idempotency-Key", "")
    if not KEY.fullmatch(key):
        raise Invalid(errors=[{"field": "Idempotency-Key", "message": "1-64 visible ASCII characters"}])
    row = g.ctx.db.scalars(_mine(key)).one_or_none()
    if row is None:
        return None
    digest, location = row.body_sha256, row.location
    response = Response(row.answer, status=row.status, mimetype=row.media)
    g.ctx.rollback()  # the body may take minutes to arrive
    if digest != _body():
        raise KeyReused
    if location:
        response.headers["Location"] = location
    return response


def remember(response: Response) -> None:
    """Store the answer; the caller commits it with the effect. A second request at the same time loses on the key."""
    g.ctx.db.add(
        Idempotency(
            tenant_id=g.ctx.tenant.id, account_id=g.principal.account.id, route=request.path[:200],
            key=request.headers["Idempotency-Key"], body_sha256=_body(), status=response.status_code,
            media=response.mimetype or "", location=response.headers.get("Location", ""), answer=response.get_data(),
            at=clock.now(),
        )
    )


def commit(response: Response) -> Response:
    """Commit the effect with its answer. Who lost to the same key gets the winner's answer.

    :raise InProgress: the winner is not done yet
    """
    remember(response)
    try:
        g.ctx.commit()
    except IntegrityError as error:
        g.ctx.rollback()
        stored = replay()
        if stored is None:
            raise InProgress from error
        return stored
    return response


def _mine(key: str) -> sa.Select[Idempotency]:
    return sa.select(Idempotency).where(
        Idempotency.tenant_id == g.ctx.tenant.id, Idempotency.account_id == g.principal.account.id,
        Idempotency.route == request.path[:200], Idempotency.key == key,
    )


def _body() -> str:
    if request.mimetype != "multipart/form-data":
        return hashlib.sha256(request.get_data()).hexdigest()
    request.max_form_parts = max(request.max_form_parts or 0, limits.current().upload_files)
    fields = [[name, value] for name, value in request.form.items(multi=True)]
    files = [[name, file.filename or "", file.stream.digest] for name, file in request.files.items(multi=True)]  # type: ignore[attr-defined]
    return hashlib.sha256(json.dumps([fields, files]).encode()).hexdigest()


class DigestedFile(tempfile.SpooledTemporaryFile[bytes]):
    """An uploaded file that knows the SHA-256 of what was written to it."""

    def __init__(self) -> None:
        super().__init__(max_size=512 * 1024, mode="rb+")
        self._sha256 = hashlib.sha256()

    def write(self, data: Any) -> int:
        self._sha256.update(data)
        return super().write(data)

    @property
    def digest(self) -> str:
        return self._sha256.hexdigest()


class DigestingRequest(Request):
    """A request whose files are digested while they are received, if it has a key."""

    def _get_file_stream(
        self, total_content_length: int | None, content_type: str | None, filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if "Idempotency-Key" in self.headers:
            return DigestedFile()
        return super()._get_file_stream(total_content_length, content_type, filename, content_length)
