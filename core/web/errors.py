"""One place that turns refusals into answers: a problem document, a toast, or a page."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from core.web.gate import wants_json
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.ids import random_id

log = logging.getLogger(__name__)
HTTP_CODES = {400: "bad-request", 401: "unauthenticated", 403: "forbidden", 404: "not-found", 405: "method-not-allowed",
              409: "invalid-transition", 413: "too-large", 415: "unsupported", 422: "invalid", 429: "rate-limited"}
PHRASES = {s.value: s.phrase for s in HTTPStatus} | {460: "Checksum Mismatch"}
HTTP_SENTENCES = {400: _l("请求有误"), 404: _l("不存在或无权查看"), 405: _l("不支持的操作"), 413: _l("内容过大")}


def install(app: Flask) -> None:
    app.register_error_handler(DomainError, refuse)
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(Exception, unexpected)


def refuse(error: DomainError) -> Response:
    return answer(error.status, error.code, str(error.sentence), dict(error.facts))


def of_http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    sentence = HTTP_SENTENCES.get(status, PHRASES.get(status, "Refused"))
    response = answer(status, HTTP_CODES.get(status, "internal"), str(sentence), {})
    if status == 405 and error.get_headers():
        response.headers.extend({k: v for k, v in error.get_headers() if k == "Allow"})
    return response


def unexpected(error: Exception) -> Response:
    """The log gets the traceback and a number, the person gets the number."""
    number = random_id()[:10]
    log.error("unexpected error", extra={"number": number, "endpoint": request.endpoint}, exc_info=error)
    return answer(500, "internal", str(_l("服务器出错，数据未受影响")), {"number": number})


def answer(status: int, code: str, sentence: str, facts: dict[str, Any]) -> Response:
    if (ctx := g.get("ctx")) is not None:
        ctx.rollback()
    if wants_json():
        response = jsonify(
            {"type": f"urn:telerad:problem:{code}", "title": PHRASES.get(status, "Refused"), "status": status,
             "detail": sentence, **facts}
        )
        response.status_code = status
        response.content_type = "application/problem+json"
    elif request.headers.get("HX-Request"):
        response = make_response(render_template("_toasts.html", messages=[sentence], tone="error", oob=False), status)
        response.headers.update({"HX-Retarget": "#toasts", "HX-Reswap": "outerHTML", "HX-Push-Url": "false"})
    else:
        response = make_response(
            render_template("error.html", status=status, sentence=sentence, number=facts.get("number", ""),
                            permission=facts.get("permission", "")), status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status == 429 or "retry_after" in facts:
        response.headers["Retry-After"] = str(facts.get("retry_after", 60))
    return response
