"""Logs: one JSON line per record, a constant sentence and fields. Only fields on the list pass; names never do.

Within a request each line carries its number and, as soon as they are known, tenant and account: ids, nothing else.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, g, has_request_context, request

from plugin_sdk.ids import random_id

FIELDS = frozenset(
    ["account_id", "bytes", "count", "delivery_id", "endpoint", "error", "event", "files", "handler", "holder", "hook", "instance_id", "job_id", "job_name", "ms", "number", "objects", "outcome", "part", "pid", "place", "plugin", "port", "reason", "request_id", "series_id", "signal", "stage", "state", "status", "study_id", "tenant", "tenant_id", "tries", "upload_id", "method", "route"]
)
GIVEN_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
QUIET = frozenset({"static", "health.healthz", "health.readyz", "metrics.show", "viewer.file"})
"""Routes whose answers are not worth a line each, unless they fail."""
log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """A record as one line; the text of an exception is left out, its class and places stay."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        if record.args and not record.name.startswith(("core", "plugins", "plugin_sdk")):
            line["message"] = record.getMessage()
        line |= of_request()
        for name in FIELDS & record.__dict__.keys():
            line[name] = record.__dict__[name]
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = _places(record)
        return json.dumps(line, ensure_ascii=False, default=str)


def of_request() -> dict[str, object]:
    """Ids of the request that is being answered; empty outside of one."""
    if not has_request_context():
        return {}
    found: dict[str, Any] = {"request_id": g.get("request_id")}
    if (ctx := g.get("ctx")) is not None:
        found["tenant_id"] = ctx.tenant.id
    if (principal := g.get("principal")) is not None:
        found["account_id"] = principal.account.id
    return {name: value for name, value in found.items() if value is not None}


def install(app: Flask) -> None:
    """Number each request and write one line when it is answered: its route, never its path or query."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if GIVEN_ID.fullmatch(given) else random_id()[:10]
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        if "request_id" not in g:
            return response
        response.headers["X-Request-Id"] = g.request_id
        if request.endpoint not in QUIET or response.status_code >= 500:
            log.info("answered", extra={
                "method": request.method, "route": request.url_rule.rule if request.url_rule else "none",
                "status": response.status_code, "ms": round((time.perf_counter() - g.began) * 1000),
            })
        return response


def _places(record: logging.LogRecord) -> list[str]:
    """File, line and function of each frame: where it happened, without what was in it."""
    places, trace = [], record.exc_info[2] if record.exc_info else None
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-12:]


def configure(level: str) -> None:
    """Send all logs to stderr as JSON lines. Safe to call again."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    if not any(isinstance(h.formatter, JsonLines) for h in root.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        root.addHandler(handler)
    for noisy in ("pydicom", "pynetdicom", "PIL", "rq", "werkzeug", "fontTools", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
