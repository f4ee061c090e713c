"""Sensitive acts want a password given a short while ago; who has none is asked, and the wish is then repeated.

A page gets the question with the wish in it: the form it came from, field by field (files cannot be repeated), or the
address. A program gets the problem ``fresh-password-required`` and asks ``POST /me/confirm``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from flask import Flask, Response, g, make_response, render_template, request, session

from core import clock
from core.accounts import login, settings
from core.accounts.sessions import RowSession
from core.accounts.views import visitor
from core.tenancy.sessions import nobody
from core.web import errors
from core.web.gate import wants_json
from plugin_sdk.errors import Forbidden
from plugin_sdk.i18n import lazy as _l

FIELD = "fresh_password"
LEFT_OUT = frozenset({FIELD, "csrf_token"})


class FreshPasswordRequired(Forbidden):
    """:ivar wrong: why the password that came with the wish does not do, or ``None``"""

    code, sentence = "fresh-password-required", _l("请再次输入密码")
    wrong: object = None


def install(app: Flask) -> None:
    app.register_error_handler(FreshPasswordRequired, ask)


def need(*, once: bool = False) -> None:
    """Let the request through if its password is young enough, or comes along in the form.

    Asked before the request's own transaction writes: a try is counted in another one.

    :param once: a password confirmed for this act alone; a login does not do
    :raise FreshPasswordRequired: neither
    """
    principal: login.Principal = g.principal
    if principal.token_id:
        if request.path.startswith("/me"):
            raise FreshPasswordRequired  # what an account is cannot be changed by a token that may have leaked
        return
    row = this_session()
    if request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data") and FIELD in request.form:
        try:
            confirm(row, request.form[FIELD])
        except login.LoginRefused as error:
            again = FreshPasswordRequired()
            again.wrong = error.sentence
            raise again from error
    at = row.confirmed_at if once else row.password_at
    with nobody() as db:
        limit = timedelta(minutes=settings.login(db).fresh_minutes)
    if at is None or clock.now() - at > limit:
        raise FreshPasswordRequired
    if once:
        row.pop("confirmed_at", None)


def confirm(row: RowSession, password: str) -> None:
    """Take the password once more and give the session a new key.

    :raise LoginRefused: it is wrong; :raise RateLimited: too many tries
    """
    login.confirm_password(g.principal.account.id, password, visitor())
    row.password_at, row.rekey = clock.now(), True
    row["confirmed_at"] = clock.now().isoformat()


def ask(error: FreshPasswordRequired) -> Response:
    """The question instead of the answer: as a dialog for htmx, else as a page."""
    if wants_json():
        return errors.refuse(error)
    if (ctx := g.get("ctx")) is not None:
        ctx.rollback()
    response = question(wrong=error.wrong, status=error.status, as_dialog="HX-Request" in request.headers)
    if "HX-Request" in request.headers:
        response.headers.update({"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML", "HX-Push-Url": "false"})
    return response


def question(*, wrong: object, status: int, as_dialog: bool, target: str = "") -> Response:
    """:param target: where to go afterwards; without it the present request is what is repeated"""
    repeat = request.method != "GET" and not target
    fields = [(n, v) for n, values in request.form.lists() for v in values if n not in LEFT_OUT] if repeat else []
    if not repeat:
        fields = [("next", target or request.full_path.rstrip("?"))]
    page = render_template(
        "confirm_dialog.html" if as_dialog else "confirm.html", fields=fields, wrong=wrong,
        action=request.full_path.rstrip("?") if repeat else "/me/confirm",
    )
    return make_response(page, status)


def this_session() -> RowSession:
    return cast(RowSession, session._get_current_object())  # type: ignore[attr-defined]
