"""Login, workbench, personal centre: pages of an account, before and above any tenant."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user

from core import clock
from core.accounts import login as logins
from core.accounts import queries, sessions
from core.accounts.models import Account
from core.tenancy.sessions import nobody
from core.web.i18n import LANGUAGES
from plugin_sdk.errors import DomainError, Invalid
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.web import passive, public, signed_in

bp = Blueprint("account", __name__)


@bp.get("/login")
@public
def login() -> ResponseReturnValue:
    return render_template("login.html", error="", phone="", next=back_to(request.args.get("next")))


@bp.post("/login")
@public
def enter() -> ResponseReturnValue:
    """Check phone and password; a new session key is made, whatever there was before."""
    phone, target = request.form.get("phone", ""), back_to(request.form.get("next"))
    try:
        principal = logins.by_password(phone, request.form.get("password", ""), address=request.remote_addr or "")
    except DomainError as error:
        page = render_template("login.html", error=str(error.sentence), phone=phone, next=target)
        return page, error.status
    row = _session()
    language = row.get("language")
    row.clear()
    row.account_id, row.password_at, row.renew = principal.account.id, clock.now(), True
    if language:
        row["language"] = language
    login_user(principal)
    if target == url_for("account.workbench"):
        target = queries.landing(principal.account.id) or target
    return redirect(target, 303)


@bp.post("/logout")
@signed_in
def logout() -> ResponseReturnValue:
    row = _session()
    sessions.end(row.row_id)
    row.clear()
    row.row_id, row.account_id, row.stored = 0, None, False
    response = cast(Response, redirect(url_for("account.login"), 303))
    response.delete_cookie(current_app.session_interface.cookie_name(request), path="/")  # type: ignore[attr-defined]
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


@bp.get("/me")
@signed_in
def me() -> ResponseReturnValue:
    return render_template("me.html", account=g.principal.account, languages=LANGUAGES,
                           language=session.get("language", "zh_CN"))


@bp.post("/me")
@signed_in
def change_me() -> ResponseReturnValue:
    """Change one's own basic data. The phone is the login name and stays."""
    name = request.form.get("name", "").strip()
    if not 1 <= len(name) <= 60:
        raise Invalid(_l("姓名为 1-60 个字"), errors=[{"field": "name", "message": str(_l("姓名为 1-60 个字"))}])
    with nobody(write=True) as db:
        db.execute(
            sa.update(Account)
            .where(Account.id == g.principal.account.id)
            .values(
                name=name, email=request.form.get("email", "").strip()[:120],
                gender=request.form.get("gender", "").strip()[:10],
                introduction=request.form.get("introduction", "").strip()[:2000],
            )
        )
    if request.form.get("language") in LANGUAGES:
        session["language"] = request.form["language"]
    flash(str(_l("已保存")), "good")
    return redirect(url_for("account.me"), 303)


@bp.get("/me/password")
@signed_in
def password() -> ResponseReturnValue:
    return render_template("password.html", errors={}, forced=g.principal.must_change,
                           next=back_to(request.args.get("next")))


@bp.post("/me/password")
@signed_in
def change_password() -> ResponseReturnValue:
    """Change one's password; every other session of the account ends."""
    target = back_to(request.form.get("next"))
    wrong: dict[str, object] = {}
    if request.form.get("password") != request.form.get("again"):
        wrong["again"] = _l("两次输入的新密码不一致")
    else:
        try:
            logins.change_password(
                g.principal.account.id, request.form.get("current", ""), request.form.get("password", "")
            )
        except logins.LoginRefused as error:
            wrong["current"] = error.sentence
        except Invalid as error:
            wrong["password"] = error.sentence
    if wrong:
        return render_template("password.html", errors=wrong, forced=g.principal.must_change, next=target), 422
    sessions.end_all(g.principal.account.id, but=_session().row_id)
    _session().password_at, _session().renew = clock.now(), True
    flash(str(_l("密码已修改")), "good")
    return redirect(target, 303)


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


def _session() -> sessions.RowSession:
    return cast(sessions.RowSession, session._get_current_object())  # type: ignore[attr-defined]
