"""One place that turns refusals into answers: a problem document, a toast, or a page."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from markupsafe import escape
from sqlalchemy.exc import DataError, DBAPIError, OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException

from core.web.gate import wants_json
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.ids import random_id

log = logging.getLogger(__name__)
HTTP_CODES = {400: "bad-request", 401: "unauthenticated", 403: "forbidden", 404: "not-found", 405: "method-not-allowed",
              408: "bad-request", 409: "invalid-transition", 413: "too-large", 414: "bad-request", 415: "unsupported",
              416: "bad-request", 422: "invalid", 429: "rate-limited", 431: "bad-request", 503: "unavailable"}
PHRASES = {s.value: s.phrase for s in HTTPStatus} | {460: "Checksum Mismatch"}
HTTP_SENTENCES = {400: _l("请求有误"), 403: _l("没有此操作的权限"), 404: _l("不存在或无权查看"), 405: _l("不支持的操作"),
                  413: _l("内容过大"), 415: _l("不支持的文件类型"), 429: _l("操作过于频繁，请稍后再试"), 503: _l("系统暂时不可用")}
DETAILS = {
    403: _l("请联系本机构的管理员开通。"), 404: _l("地址可能有误，内容可能已被删除，或者您没有查看的权限。"),
    405: _l("请从页面上的按钮进行操作。"), 413: _l("请减小文件或分批提交。"), 503: _l("数据未受影响，请稍后重试。"),
    500: _l("请把编号告诉管理员，以便查找原因。"),
}
LAST = (
    '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>{0}</title>'
    '<link rel="stylesheet" href="/static/css/app.css"><body><h1>{0}</h1><p>{1}</p><p><a href="/">{2}</a></p></body></html>'
)
"""The page when even the page of errors cannot be drawn, because nothing answers that it asks."""


def install(app: Flask) -> None:
    app.register_error_handler(DomainError, refuse)
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(OperationalError, no_database)
    app.register_error_handler(DataError, no_value)
    app.register_error_handler(Exception, unexpected)


def refuse(error: DomainError) -> Response:
    return answer(error.status, error.code, str(error.sentence), dict(error.facts))


def of_http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    if status >= 500 and isinstance(cause := getattr(error, "original_exception", None), Exception):
        return no_database(cause) if isinstance(cause, OperationalError) else unexpected(cause)
    sentence = HTTP_SENTENCES.get(status, PHRASES.get(status, "Refused"))
    response = answer(status, HTTP_CODES.get(status, "bad-request" if status < 500 else "internal"), str(sentence), {})
    if status == 405 and error.get_headers():
        response.headers.extend({k: v for k, v in error.get_headers() if k == "Allow"})
    return response


def unexpected(error: Exception) -> Response:
    """The log gets the places and a number, the person gets the number."""
    number = g.get("request_id") or random_id()[:10]
    log.error("unexpected error", extra={"number": number, "endpoint": request.endpoint}, exc_info=error)
    return answer(500, "internal", str(_l("服务器出错，数据未受影响")), {"number": number})


def no_database(error: DBAPIError) -> Response:
    """The database is away or stays busy: nothing was written, and trying again may help."""
    number = g.get("request_id") or random_id()[:10]
    log.error("database does not answer", extra={"number": number, "endpoint": request.endpoint, "error": type(error.orig).__name__})
    response = answer(503, "unavailable", str(HTTP_SENTENCES[503]), {"number": number})
    response.headers["Retry-After"] = "5"
    return response


def no_value(error: DataError) -> Response:
    """A value from outside that no column can hold: NUL in an address or a form, a number beyond all bounds."""
    log.warning("value refused by the database", extra={"endpoint": request.endpoint, "error": type(error.orig).__name__})
    return answer(422, "invalid", str(DomainError.sentence), {})


def answer(status: int, code: str, sentence: str, facts: dict[str, Any]) -> Response:
    _roll_back()
    if wants_json():
        response = jsonify(
            {"type": f"urn:telerad:problem:{code}", "title": PHRASES.get(status, "Refused"), "status": status,
             "detail": sentence, **facts}
        )
        response.status_code = status
        response.content_type = "application/problem+json"
    elif request.headers.get("HX-Request"):
        response = make_response(_toast(sentence, facts), status)
        response.headers.update({"HX-Retarget": "#toasts", "HX-Reswap": "outerHTML", "HX-Push-Url": "false"})
    else:
        response = make_response(_page(status, sentence, facts), status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status == 429:
        response.headers["Retry-After"] = str(facts.get("retry_after", 60))
    return response


def _roll_back() -> None:
    if (ctx := g.get("ctx")) is not None:
        try:
            ctx.rollback()
        except SQLAlchemyError as error:
            log.warning("not rolled back, the connection is gone", extra={"error": type(error).__name__})


def _toast(sentence: str, facts: dict[str, Any]) -> str:
    lines = [sentence]
    if title := _permission(facts):
        lines.append(str(_l("需要权限：%(title)s") % {"title": title}))
    if number := facts.get("number"):
        lines.append(str(_l("错误编号 %(number)s") % {"number": number}))
    return _drawn("_toasts.html", (sentence, facts.get("number", "")), messages=["\n".join(lines)], tone="error", oob=False)


def _page(status: int, sentence: str, facts: dict[str, Any]) -> str:
    return _drawn(
        "error.html", (sentence, facts.get("number", "")), status=status, sentence=sentence, number=facts.get("number", ""), detail=_detail(status, facts),
        permission=_permission(facts), code=facts.get("permission", ""),
    )


def _detail(status: int, facts: dict[str, Any]) -> str:
    if status == 429 and (seconds := facts.get("retry_after")):
        return str(_l("请在 %(seconds)s 秒后再试。") % {"seconds": seconds})
    return str(DETAILS.get(status, ""))


def _permission(facts: dict[str, Any]) -> str:
    """What a person calls the right that is missing."""
    code = facts.get("permission", "")
    known = {p.code: str(p.title) for p in g.house.plugins.house.permissions} if code and "house" in g else {}
    return str(known.get(code, code))


def _drawn(template: str, least: tuple[str, str], **values: Any) -> str:
    """:param least: sentence and number, should the template not be drawable"""
    try:
        return render_template(template, **values)
    except Exception as error:  # the last thing that can go wrong: the person still gets a sentence and the number
        log.error("error page not drawn", extra={"number": least[1], "error": type(error).__name__})
        return LAST.format(*map(escape, (*least, str(_l("返回首页")))))
