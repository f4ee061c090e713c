"""The personal centre [个人中心]: one's own data, password, sessions and habits."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, flash, g, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from core import clock
from core.accounts import actions, passwords, queries, sessions, settings
from core.accounts import login as logins
from core.accounts.views import back_to, this_session, visitor
from core.tenancy.sessions import all_tenants, nobody
from core.web import step_up
from core.web.i18n import LANGUAGES
from plugin_sdk.errors import Forbidden, Invalid, Unauthenticated
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.web import fresh, passive, signed_in

bp = Blueprint("me", __name__, url_prefix="/me")


@bp.get("")
@signed_in
def index() -> ResponseReturnValue:
    return render_template("me.html", account=g.principal.account, errors={}, languages=LANGUAGES,
                           language=session.get("language", "zh_CN"))


@bp.post("")
@signed_in
def change() -> ResponseReturnValue:
    """Change one's own basic data. The phone is the login name and has its own page."""
    actions.describe(g.principal.account.id, **{n: request.form.get(n, "") for n in ("name", "email", "gender", "introduction")})
    if request.form.get("language") in LANGUAGES:
        session["language"] = request.form["language"]
    flash(str(_l("已保存")), "good")
    return redirect(url_for(".index"), 303)


@bp.post("/phone")
@signed_in
@fresh
def change_phone() -> ResponseReturnValue:
    """Change the phone that one logs in with; every other session ends."""
    actions.change_phone(g.principal.account.id, request.form.get("phone", ""), keep=this_session().row_id)
    flash(str(_l("手机号已修改，下次请用新手机号登录")), "good")
    return redirect(url_for(".index"), 303)


@bp.get("/password")
@signed_in
def password() -> ResponseReturnValue:
    return _password_page(back_to(request.args.get("next")), {})


@bp.post("/password")
@signed_in
def change_password() -> ResponseReturnValue:
    """First the current password alone, then, for as long as it counts as fresh, the new one."""
    target, row, form = back_to(request.form.get("next")), this_session(), request.form
    try:
        if "current" in form:
            logins.confirm_password(g.principal.account.id, form["current"], visitor())
            row["verified_at"] = clock.now().isoformat()
            row.password_at, row.rekey = clock.now(), True
            if "password" not in form:
                return redirect(url_for(".password", next=target), 303)
        if not _verified():
            return _password_page(target, {"current": _l("请先输入当前密码")}, status=422)
        if form.get("password") != form.get("again"):
            return _password_page(target, {"again": _l("两次输入的新密码不一致")}, status=422)
        actions.change_password(g.principal.account.id, form.get("password", ""), keep=row.row_id)
    except logins.LoginRefused as error:
        return _password_page(target, {"current": error.sentence}, status=422)
    except Invalid as error:
        return _password_page(target, {"password": error.sentence}, status=422)
    row.pop("verified_at", None)
    row.password_at, row.rekey = clock.now(), True
    flash(str(_l("密码已修改")), "good")
    return redirect(target, 303)


@bp.post("/password/skip")
@signed_in
def skip_password() -> ResponseReturnValue:
    """Keep the first password until the next login; possible once, and not where a tenant forbids it.

    :raise Forbidden: it is not possible
    """
    if not g.principal.may_skip:
        raise Forbidden
    actions.skip_default_password(g.principal.account.id)
    session["default_password_skipped"] = True
    return redirect(back_to(request.form.get("next")), 303)


@bp.get("/confirm")
@signed_in
def ask() -> ResponseReturnValue:
    """The question for the password, as a dialog for scripts."""
    return step_up.question(wrong=None, status=200, as_dialog="HX-Request" in request.headers, target=back_to(request.args.get("next")))


@bp.post("/confirm")
@signed_in
def confirm() -> ResponseReturnValue:
    """Give the password again. A script gets 204, a form is led to ``next``; a wrong one is 422."""
    target = request.form.get("next")
    try:
        step_up.confirm(this_session(), request.form.get(step_up.FIELD, ""))
    except logins.LoginRefused as error:
        return step_up.question(wrong=error.sentence, status=422, as_dialog=target is None, target=back_to(target))
    return redirect(back_to(target), 303) if target is not None else ("", 204)


@bp.get("/session")
@signed_in
@passive
def left() -> ResponseReturnValue:
    """Whole seconds until this session ends, and the token for ``POST /me/alive``. Asking does not renew it.

    :raise Unauthenticated: asked with a token, which has no session
    """
    if not this_session().row_id:
        raise Unauthenticated
    left = sessions.left(this_session())
    return jsonify(idle_seconds=left.idle, absolute_seconds=left.absolute, fresh_seconds=left.password, warn_seconds=120,
                   csrf_token=generate_csrf())


@bp.get("/sessions")
@signed_in
def devices() -> ResponseReturnValue:
    return render_template("sessions.html", rows=queries.sessions_of(g.principal.account.id), mine=this_session().row_id)


@bp.post("/sessions/<session:id>/end")
@signed_in
def end_session(id: str) -> ResponseReturnValue:
    """End one session of one's own."""
    sessions.end(queries.session(g.principal.account.id, id).id, why="owner")
    flash(str(_l("已结束该登录")), "good")
    return redirect(url_for(".devices"), 303)


@bp.post("/sessions/end")
@signed_in
def end_others() -> ResponseReturnValue:
    sessions.end_all(g.principal.account.id, but=this_session().row_id, why="owner")
    flash(str(_l("已结束其他所有登录")), "good")
    return redirect(url_for(".devices"), 303)


@bp.get("/settings")
@signed_in
def habits() -> ResponseReturnValue:
    with nobody() as db:
        own, limits = settings.own(db, g.principal.account.id), settings.login(db)
    return render_template("me_settings.html", own=own, limits=limits)


@bp.post("/settings")
@signed_in
def change_habits() -> ResponseReturnValue:
    actions.set_auto_logout(g.principal.account.id, request.form.get("auto_logout") == "yes")
    flash(str(_l("已保存")), "good")
    return redirect(url_for(".habits"), 303)


def _verified() -> bool:
    """Whether the current password was given in this session, for the change, within the fresh minutes."""
    at = session.get("verified_at")
    with nobody() as db:
        limit = timedelta(minutes=settings.login(db).fresh_minutes)
    return at is not None and clock.now() - datetime.fromisoformat(at) <= limit


def _password_page(target: str, errors: dict[str, object], *, status: int = 200) -> ResponseReturnValue:
    principal: logins.Principal = g.principal
    with all_tenants() as db:
        symbol = settings.strictest(db, principal.account.id).password_symbol
    page = render_template(
        "password.html", errors=errors, forced=principal.must_change, may_skip=principal.may_skip, next=target,
        verified=_verified(), rules=passwords.rules(symbol=symbol), symbol=symbol,
    )
    return page, status
