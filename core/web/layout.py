"""What every page shows around its content: brand, side, tenants, menu, addresses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, g, request, url_for
from flask_babel import gettext
from flask_wtf.csrf import generate_csrf

from core import clock
from core.accounts import browser_key, login
from core.backup import overdue
from core.web import compiled, slots
from core.web.gate import OPERATOR, access_of
from core.web.i18n import language
from plugin_sdk.declared import MenuItem
from plugin_sdk.i18n import now as translate

if TYPE_CHECKING:
    from core.host.house import Application

WORKBENCH = "account.workbench"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the side menu."""

    title: object
    url: str
    icon: str
    active: bool
    key: str
    children: tuple[Entry, ...] = ()


def install(app: Flask, house: Application) -> None:
    app.jinja_env.globals.update(_=translate, gettext=gettext, csrf_token=generate_csrf)
    app.jinja_env.filters["local"] = local_text
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    compiled.install(app)

    @app.context_processor
    def around() -> dict[str, Any]:
        ctx, principal = g.get("ctx"), g.get("principal")
        platform = ctx is None and on_platform()
        tenant = ctx.tenant if ctx else None
        ctx = ctx if principal else None  # whoever came by a link has no menus and no addresses
        return {
            "brand": house.config.brand,
            "lang": "en" if language() == "en" else "zh-CN",
            "side": ctx.side if ctx else "platform" if platform else "",
            "tenant": tenant,
            "tenants": _tenants(principal) if ctx else [],
            "user": {"name": principal.account.name, "id": principal.account.public_id} if principal else None,
            "menu": menu_of(house, ctx) if ctx else platform_menu(house) if platform else [],
            "fallen": fallen(house, ctx) if ctx else [],
            "overdue": overdue.named() if ctx is None and is_operator() and (platform or request.endpoint == WORKBENCH) else [],
            "urls": _urls(ctx, signed_in=principal is not None),
            "slot": partial(slots.fill, ctx) if ctx else (lambda name, **given: []),
            "slot_tabs": partial(slots.tabs, ctx) if ctx else (lambda name: []),
            "may": ctx.may if ctx else (lambda code: False),
            "server_now": clock.now(),
            "browser_key": lambda: browser_key.of(principal.account.public_id, secret=app.config["SECRET_KEY"]) if principal else "",
        }


def menu_of(house: Application, ctx: Any) -> list[Entry]:
    """Entries that this member may open, in declared order (``after``)."""
    items = [
        m
        for owner, d in house.plugins.house.by_owner.items()
        if owner == "core" or owner in ctx.enabled
        for m in d.menus
        if m.side == ctx.side and ctx.may(m.code)
    ]
    ordered = _ordered(items)
    active = _active(ordered)
    return [
        Entry(title=m.title, url=url_for(m.endpoint), icon=m.icon, key=m.key, active=m.key == active) for m in ordered
    ]


def is_operator() -> bool:
    principal = g.get("principal")
    return principal is not None and principal.account.platform_role == OPERATOR


def on_platform() -> bool:
    """Whether this page belongs to the platform and to somebody who may open it."""
    return request.endpoint is not None and access_of(current_app, request.endpoint).kind == "operator" and is_operator()


def platform_menu(house: Application) -> list[Entry]:
    """Pages of the platform, core's and plugins'."""
    ordered = _ordered([m for d in house.plugins.house.by_owner.values() for m in d.menus if m.side == "platform"])
    active = _active(ordered)
    return [
        Entry(title=m.title, url=url_for(m.endpoint), icon=m.icon, key=m.key, active=m.key == active) for m in ordered
    ]


def fallen(house: Application, ctx: Any) -> list[tuple[str, object, str]]:
    """Plugins that are on here and did not start: name, title, and where whoever may manage them looks."""
    may = ctx.may(f"{ctx.side}.plugin.manage")
    found = house.plugins.found
    return [
        (name, found[name].title or name if name in found else name, url_for("plugins.show", plugin=name) if may else "")
        for name in sorted(ctx.enabled & house.plugins.broken.keys())
    ]


def _ordered(items: list[MenuItem]) -> list[MenuItem]:
    placed: list[MenuItem] = []
    for item in items:
        at = next((i for i, p in enumerate(placed) if p.key == item.after), None)
        placed.insert(len(placed) if at is None else at + 1, item)
    return placed


def _active(items: list[MenuItem]) -> str:
    """Key of the entry that the current page belongs to: its own, else the first of its blueprint."""
    for item in items:
        if request.endpoint == item.endpoint:
            return item.key
    return next((m.key for m in items if m.endpoint.partition(".")[0] == request.blueprint), "")


def _tenants(principal: Any) -> list[dict[str, str]]:
    return [
        {"code": t.code, "name": t.name, "kind": t.kind, "url": url_for("home.index", tenant=t.code)}
        for _, t in login.tenants_of(principal.account.id)
    ]


def _urls(ctx: Any, *, signed_in: bool) -> dict[str, str]:
    urls = {"workbench": url_for("account.workbench"), "me": url_for("me.index"), "session": url_for("me.left"), "logout": url_for("account.logout"),
            "login": url_for("account.login"), "alive": url_for("account.alive"), "default": url_for("account.set_landing")} if signed_in else {
            "login": url_for("account.login")}
    if ctx:
        urls |= {"notices": url_for("work.notices"), "todos": url_for("work.todos"), "counts": url_for("work.counts"), "exports": url_for("exports.index"),
                 "home": url_for("home.index")}
        if ctx.may("hospital.study.upload"):
            urls["upload"] = url_for("uploads.page")
        if ctx.may("hospital.study.view"):
            urls["find"] = url_for("studies.index")
    return urls


def local_text(at: Any, pattern: str = "%Y-%m-%d %H:%M") -> str:
    """An instant as the tenant's wall clock; ``-`` for none."""
    if at is None:
        return "-"
    ctx = g.get("ctx")
    return clock.local(at, ctx.tenant.zone if ctx else "Asia/Shanghai").strftime(pattern)
