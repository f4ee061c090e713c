"""Login and workbench: pages of an account, before and above any tenant."""

from __future__ import annotations

import secrets
from typing import cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user
from flask_wtf.csrf import generate_csrf

from core import clock
from core.accounts import captcha, cookies, devices, queries, remember, sessions
from core.accounts import login as logins
from core.accounts.remember import Remembered
from core.accounts.throttle import Visitor
from core.web.i18n import LANGUAGES
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.web import passive, public, signed_in

bp = Blueprint("account", __name__)


@bp.get("/login")
@public
def login() -> ResponseReturnValue:
    target = back_to(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target, 303)
    return login_page(target)


@bp.post("/login")
@public
def enter() -> ResponseReturnValue:
    """Check phone and password; a new session key is made, whatever there was before."""
    form, target = request.form, back_to(request.form.get("next"))
    phone, answer, row = form.get("phone", ""), form.get("captcha", ""), this_session()
    key = cookies.read(request, "device") or secrets.token_urlsafe(32)
    try:
        entered = logins.by_password(
            phone, form.get("password", ""), Visitor(request.remote_addr or "", devices.digest(key)),
            captcha=(lambda: captcha.answered(row.row_id, answer)) if answer else None,
            remember=form.get("remember") == "yes",
        )
    except DomainError as error:
        return login_page(target, error=error, phone=phone)
    response = begin(entered.account_id, target, remembered=entered.remembered, by_password=True)
    cookies.give(response, request, "device", key, kept=devices.KEPT)
    return response


@bp.post("/login/remembered")
@public
def enter_remembered() -> ResponseReturnValue:
    """Log in by the token that this browser keeps. Sensitive acts ask for the password all the same."""
    target = back_to(request.form.get("next"))
    remembered = remember.redeem(cookies.read(request, "remember"))
    if remembered is None:
        flash(str(_l("记住的登录已失效，请输入密码")), "warn")
        return redirect(url_for(".login", next=target), 303)
    return begin(remembered.account_id, target, remembered=remembered, by_password=False)


@bp.get("/login/captcha")
@public
@passive
def captcha_image() -> ResponseReturnValue:
    """A new picture for this session; the one before is worth nothing any more."""
    return Response(captcha.draw(this_session().row_id), mimetype="image/png", headers={"Cache-Control": "no-store"})


def login_page(target: str, *, error: DomainError | None = None, phone: str = "") -> Response:
    """The form, with a captcha exactly when the next try needs one."""
    here = Visitor(request.remote_addr or "", devices.digest(cookies.read(request, "device")))
    page = render_template(
        "login.html", error=str(error.sentence) if error else "", phone=phone, next=target,
        captcha={"url": url_for(".captcha_image"), "length": captcha.LENGTH} if logins.captcha_needed(phone, here) else None,
        captcha_error=isinstance(error, logins.CaptchaNeeded), remember=request.form.get("remember") == "yes",
        remembered=remember.whose(token) if (token := cookies.read(request, "remember")) and not error else "",
    )
    response = make_response(page, error.status if error else 200)
    if error and "retry_after" in error.facts:
        response.headers["Retry-After"] = str(error.facts["retry_after"])
    return response


def begin(account_id: int, target: str, *, remembered: Remembered | None, by_password: bool) -> Response:
    """Start a session and lead on; nothing of the session before is kept but the language."""
    row = this_session()
    language = row.get("language")
    row.clear()
    row.account_id, row.password_at, row.renew = account_id, clock.now() if by_password else None, True
    row.family = remembered.family if remembered else ""
    if language:
        row["language"] = language
    login_user(logins.by_id(account_id))
    generate_csrf()  # now, or the first pages asked for at once would each make a token and only one would stay
    if target == url_for("account.workbench"):
        target = queries.landing(account_id) or target
    response = cast(Response, redirect(target, 303))
    if remembered:
        cookies.give(response, request, "remember", remembered.token, kept=remembered.expires_at - clock.now())
    elif by_password:
        cookies.drop(response, request, "remember")
    return response


@bp.post("/logout")
@signed_in
def logout() -> ResponseReturnValue:
    row = this_session()
    sessions.end(row.row_id, kind="login.out")
    row.clear()
    row.row_id, row.account_id, row.stored = 0, None, False
    response = cast(Response, redirect(url_for("account.login"), 303))
    for name in ("session", "remember"):
        cookies.drop(response, request, name)
    return response


@bp.get("/")
@signed_in
def workbench() -> ResponseReturnValue:
    return render_template("workbench.html", cards=queries.cards(g.house, g.principal.account.id))


@bp.post("/me/landing")
@signed_in
def set_landing() -> ResponseReturnValue:
    """Choose where the next login leads; the empty choice is the workbench."""
    queries.set_landing(g.principal.account.id, request.form.get("tenant", ""))
    return redirect(url_for("account.workbench"), 303)


@bp.post("/me/alive")
@signed_in
def alive() -> ResponseReturnValue:
    """Say that somebody is there: a key or pointer event, at most once a minute."""
    return "", 204


@bp.post("/language")
@public
@passive
def language() -> ResponseReturnValue:
    if request.form.get("language") in LANGUAGES:
        session["language"] = request.form["language"]
    return redirect(back_to(request.form.get("next")), 303)


def back_to(target: str | None) -> str:
    """A path of this site, else the workbench: no redirect leads elsewhere."""
    if target and target.startswith("/") and not target.startswith(("//", "/\\")):
        parts = urlsplit(target)
        if not parts.scheme and not parts.netloc and "\\" not in target:
            return target
    return url_for("account.workbench")


def this_session() -> sessions.RowSession:
    return cast(sessions.RowSession, session._get_current_object())  # type: ignore[attr-defined]


def visitor() -> Visitor:
    return Visitor(request.remote_addr or "", devices.digest(cookies.read(request, "device")))
