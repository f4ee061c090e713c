"""Who may pass, in one order everywhere: login 401, member 404, plugin on 404, permission 403. Objects come after.

The order decides what leaks: a stranger learns neither which tenants there are nor which plugins they use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlsplit

from flask import Flask, Response, g, redirect, request, session, url_for
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFError, CSRFProtect, validate_csrf
from wtforms.validators import ValidationError

from core import limits
from core.accounts import login, sessions
from core.accounts.login import Principal
from core.web.rates import Rates
from plugin_sdk.errors import DomainError, Forbidden, NotFound, Unauthenticated
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.runtime import host
from plugin_sdk.web import Access

if TYPE_CHECKING:
    from core.host.house import Application

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MAY_CHANGE_PASSWORD = frozenset({
    "me.password", "me.change_password", "me.skip_password", "me.left", "account.logout", "account.alive",
})
OPERATOR = "operator"
csrf = CSRFProtect()


class NoMark(RuntimeError):
    """A view without an access mark: the application does not start."""


class ForeignOrigin(Forbidden):
    code, sentence = "foreign-origin", _l("请求来自其他网站")


class BadCsrf(DomainError):
    status, code, sentence = 400, "csrf", _l("页面已过期，请刷新后再试")


class MustChangePassword(Forbidden):
    code, sentence = "password-change-required", _l("请先修改初始密码")


def install(app: Flask, house: Application) -> None:
    """Put the gate in front of every view."""
    manager = LoginManager(app)
    manager.session_protection = None
    manager.user_loader(lambda key: _of_session(int(key)))
    manager.request_loader(_of_token)
    csrf.init_app(app)
    app.extensions["rates"] = Rates(house.config.redis_url)

    @app.before_request
    def gate() -> Response | None:
        g.house = house
        if request.endpoint is None:
            return None
        access = access_of(app, request.endpoint)
        if (most := getattr(app.view_functions[request.endpoint], "body_limit", None)) is not None:
            request.max_content_length = most if isinstance(most, int) else getattr(limits.current(), most)
        tenant_code = (request.view_args or {}).get("tenant")
        if request.view_args is not None:
            request.view_args.pop("tenant", None)
        return pass_gate(house, access, tenant_code)

    @app.url_defaults
    def same_tenant(endpoint: str, values: dict[str, object]) -> None:
        if "tenant" not in values and endpoint in app.view_functions and app.url_map.is_endpoint_expecting(endpoint, "tenant"):
            ctx = g.get("ctx")
            if ctx is not None:
                values["tenant"] = ctx.tenant.code


def pass_gate(house: Application, access: Access, tenant_code: str | None) -> Response | None:
    """Let the request through, or raise; sets ``g.ctx`` on tenant pages."""
    view = request.endpoint or ""
    if access.kind == "public":
        if request.method in UNSAFE:
            _check_csrf()
        return None
    principal = cast(Principal, current_user._get_current_object())
    if not principal.is_authenticated:
        return to_login()
    if request.method in UNSAFE and not principal.token_id:
        _check_csrf()
    g.principal = principal
    _count(access, principal)
    if access.kind in ("requires", "image") and tenant_code is not None:
        tenant = house.tenant_by_code(tenant_code)
        if tenant is None or principal.token_tenant not in (None, tenant.id):
            raise NotFound
        write = request.method in UNSAFE
        ctx = house.member_ctx(tenant, principal.account, write=write, principal=principal.name)
        g.ctx = ctx
        owner = getattr(request.blueprint and _plugin_of(house, view), "plugin", None)
        if owner and owner not in ctx.enabled:
            raise NotFound
        if owner and owner in house.plugins.broken:
            raise NotFound
        if principal.must_change and view not in MAY_CHANGE_PASSWORD:
            return _must_change()
        _check_permission(access, ctx.permissions, ctx.side)
    elif principal.must_change and view not in MAY_CHANGE_PASSWORD:
        return _must_change()
    if access.kind == "operator" and principal.account.platform_role != OPERATOR:
        raise NotFound
    if principal.token_id and access.kind in ("signed_in", "operator") and view not in MAY_CHANGE_PASSWORD:
        raise Forbidden  # a token acts in its tenant: an account's own pages want a person who logged in
    if getattr(g.house.flask.view_functions[view], "fresh", False):
        host().require_fresh(once=False)
    _renew(access)
    return None


def _count(access: Access, principal: Principal) -> None:
    """Count the call before anything is looked up for it. :raise RateLimited: one too many"""
    rates: Rates = g.house.flask.extensions["rates"]
    most = limits.current()
    if access.kind == "image":
        who = principal.name if principal.token_id else f"session:{session._get_current_object().row_id}"  # type: ignore[attr-defined]
        rates.take("image", who, most=most.image_calls, seconds=1)
    elif principal.token_id and request.path.startswith("/api/"):
        rates.take("api", principal.name, most=most.api_calls, seconds=60)


def access_of(app: Flask, endpoint: str) -> Access:
    return cast(Access, vars(app.view_functions[endpoint])["access"])


def check_marks(app: Flask) -> None:
    """:raise NoMark: a view that does not say who may use it"""
    for endpoint, view in app.view_functions.items():
        if endpoint == "static":
            vars(view)["access"] = Access("public")
        if not isinstance(getattr(view, "access", None), Access):
            raise NoMark(f"{endpoint}: no @requires, @signed_in, @image, @guest, @node, @operator or @public")


def _check_permission(access: Access, held: frozenset[str], side: str) -> None:
    """Wrong side is 404 (the page does not exist there), missing right is 403."""
    if access.kind != "requires":
        return
    mine = [c for c in access.any_of if c.startswith(f"{side}.")]
    if not mine:
        raise NotFound
    if not any(c in held for c in mine):
        raise Forbidden(permission=mine[0])


def _plugin_of(house: Application, endpoint: str) -> object:
    return house.blueprint_owner.get(endpoint.rpartition(".")[0])


def _of_session(account_id: int) -> Principal | None:
    row = cast(sessions.RowSession, session._get_current_object())  # type: ignore[attr-defined]
    if row.account_id != account_id:
        return None
    principal = login.by_id(account_id, skipped=bool(row.get("default_password_skipped")))
    if principal is not None:
        principal.password_at = row.password_at
    return principal


def _of_token(req: object) -> Principal | None:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return login.by_token(text.strip()) if scheme == "Bearer" and text else None


def _check_csrf() -> None:
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ForeignOrigin
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.host:
        raise ForeignOrigin
    token = request.headers.get("X-CSRFToken")
    try:
        validate_csrf(token) if token else csrf.protect()  # a token in the form means reading the body first
    except (CSRFError, ValidationError) as error:
        raise BadCsrf from error


def wants_json() -> bool:
    return request.path.startswith("/api/") or "/dicom-web" in request.path or request.path in ("/me/alive", "/me/session")


def _by_script() -> bool:
    return request.headers.get("Sec-Fetch-Dest", "document") not in ("document", "iframe")


def to_login() -> Response:
    """Anonymous: pages lead to the login and back again, programs get 401."""
    # A script would follow to the login page, whose new session would take the place of the one being logged in over it.
    if wants_json() or (_by_script() and "HX-Request" not in request.headers):
        raise Unauthenticated
    back = request.full_path.rstrip("?") if request.method == "GET" else "/"
    url = url_for("account.login", next=back)
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": url_for("account.login", next="/")})
    return cast(Response, redirect(url, 303))


def _must_change() -> Response:
    if wants_json():
        raise MustChangePassword
    return cast(Response, redirect(url_for("me.password") + "?next=" + quote(request.path), 303))


def _renew(access: Access) -> None:
    """Images are fetched ahead by a viewer that nobody looks at: like ``passive`` views they keep no session alive."""
    view = g.house.flask.view_functions[request.endpoint]
    if access.kind == "image":
        return
    if isinstance(session._get_current_object(), sessions.RowSession) and not getattr(view, "passive", False):  # type: ignore[attr-defined]
        sessions.touch(session._get_current_object())  # type: ignore[attr-defined]
