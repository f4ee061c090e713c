"""Logs: one JSON line per record, a constant sentence and fields. Only fields on the list pass; names never do."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

FIELDS = frozenset(
    ["account_id", "bytes", "count", "delivery_id", "endpoint", "error", "event", "files", "handler", "holder", "hook", "instance_id", "job_id", "job_name", "ms", "number", "objects", "outcome", "part", "pid", "place", "plugin", "port", "reason", "request_id", "series_id", "signal", "stage", "state", "status", "study_id", "tenant", "tenant_id", "tries", "upload_id", "method", "route"]
)


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
        for name in FIELDS & record.__dict__.keys():
            line[name] = record.__dict__[name]
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["trace"] = _places(record)
        return json.dumps(line, ensure_ascii=False, default=str)


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
