"""What the limited child does with a file. Nothing here runs in a process that holds a database or a secret."""

from __future__ import annotations

import base64
import logging
from typing import Any

from core.intake import wire
from core.intake.content import content_sha256
from plugin_sdk.dicom.guard import opened
from plugin_sdk.dicom.header import header_of, json_of
from plugin_sdk.dicom.refusals import HeldBack, Refused
from plugin_sdk.dicom.render import CannotRender, render_png

log = logging.getLogger(__name__)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do one request; every outcome is an answer, so that one file never costs the next one its child.

    Only ``memory`` does: what could not be allocated or loaded leaves a process nobody should hand the next file.
    """
    try:
        return _DO[request["do"]](request)
    except Refused as refused:
        return {"error": "refused", "reason": refused.reason, "detail": refused.detail}
    except HeldBack as held:
        return {"error": "held", "reason": held.reason, "detail": held.detail}
    except CannotRender as no:
        return {"error": "memory"} if _out_of_memory(no) else {"error": "cannot_render", "detail": str(no)}
    except Exception as error:  # edge of the child: the file is held, and the message may hold a name
        if _out_of_memory(error):
            return {"error": "memory"}
        log.error("file not read", extra={"kind": type(error).__name__})
        return {"error": "held", "reason": "unreadable", "detail": type(error).__name__}


def _out_of_memory(error: BaseException | None) -> bool:
    """Whether memory is behind an error: a library that does not fit fails to load, or half of it does."""
    while error is not None:
        if isinstance(error, (MemoryError, RecursionError, ImportError)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _parse(request: dict[str, Any]) -> dict[str, Any]:
    with opened(request["path"]) as it:
        return {"header": wire.plain(header_of(it)), "guard": wire.plain(it.result), "json": json_of(it)}


def _render(request: dict[str, Any]) -> dict[str, Any]:
    window = request["window"]
    png = render_png(request["path"], request["frame"], (window[0], window[1]) if window else None)
    return {"png": base64.b64encode(png).decode("ascii")}


def _content(request: dict[str, Any]) -> dict[str, Any]:
    return {"sha256": content_sha256(request["path"])}


_DO = {"parse": _parse, "render": _render, "content": _content}
