"""A plugin as the administrators of one tenant see it: what it does and needs, what it stores, how it stands and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from core import clock
from core.host import faults, providers, switches
from core.host import settings as own
from core.host.models import PluginFault
from core.host.switches import Switch
from core.tenancy import settings
from core.tenancy.sessions import all_tenants
from plugin_sdk.capabilities import CAPABILITIES
from plugin_sdk.db import metadata
from plugin_sdk.errors import NotFound, PluginUnavailable
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _

if TYPE_CHECKING:
    from core.host.context import TenantCtx

CAPABILITY_WORDS: Mapping[str, object] = {
    "consultations": _l("远程诊断"), "report_renderer": _l("报告排版"), "viewer": _l("阅片"), "part_matcher": _l("部位识别"),
    "billing": _l("计费"),
}


@dataclass(frozen=True)
class Badge:
    """A state as it is drawn: word, tone and icon carry it, never the colour alone."""

    value: str
    label: object
    tone: str
    icon: str


SWITCHES: Mapping[str, Badge] = {
    "on": Badge("on", switches.WORDS["on"], "done", "check"), "off": Badge("off", switches.WORDS["off"], "dashed", "power"),
    "draining": Badge("draining", switches.WORDS["draining"], "back", "hourglass"),
}
HEALTH: Mapping[str, Badge] = {
    "ready": Badge("ready", _l("运行"), "signed", "check"),
    "degraded": Badge("degraded", _l("降级"), "back", "alert-triangle"),
    "broken": Badge("broken", _l("未启动"), "critical", "plug-connected-x"),
    "not_allowed": Badge("not_allowed", _l("未开放"), "lock", "lock"),
    "missing": Badge("missing", _l("未安装"), "critical", "plug-connected-x"),
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """Another plugin that this one stands on, or that stands on it."""

    name: str
    title: str
    state: Badge


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One line of the page. ``health`` is a key of :data:`HEALTH`; ``why`` says in words what is wrong and what it means."""

    name: str
    title: str
    summary: object
    switch: Switch
    health: str
    why: str
    version: str
    needs: Sequence[Part]
    dependants: Sequence[Part]
    has_settings: bool

    @property
    def state(self) -> Badge:
        return SWITCHES[self.switch]

    @property
    def badge(self) -> Badge:
        return HEALTH[self.health]

    @property
    def can_enable(self) -> bool:
        return self.health in ("ready", "degraded")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A capability that several enabled plugins can provide; ``chosen`` is asked."""

    capability: str
    title: object
    chosen: str
    options: Sequence[tuple[str, str]]


def every(ctx: TenantCtx) -> list[Standing]:
    """What this tenant may see: plugins of its side, and whatever it has switched on."""
    plugins = ctx.app.plugins
    names = switches.installed(plugins, ctx.side)
    gone = sorted(n for n in ctx.row.plugins if ":" not in n and n not in names)
    with all_tenants() as session:
        tired = faults.degraded(session)
    may = switches.allowed(ctx)
    return [_of(ctx, name, tired, may) for name in [*names, *gone]]


def of(ctx: TenantCtx, name: str) -> Standing:
    """:raise NotFound: neither installed for this side nor switched on here"""
    found = next((s for s in every(ctx) if s.name == name), None)
    if found is None:
        raise NotFound
    return found


def _of(ctx: TenantCtx, name: str, tired: frozenset[str], may: frozenset[str] | None) -> Standing:
    plugins = ctx.app.plugins
    plugin, state = plugins.found.get(name), plugins.state(name)
    if name in plugins.not_allowed or (may is not None and name not in may):
        health = "not_allowed"
    else:
        health = "degraded" if state == "ready" and name in tired else state
    return Standing(
        name=name, title=switches.title_of(ctx, name), summary=plugin.summary if plugin else "", switch=switches.state_of(ctx, name),
        health=health, why=_why(ctx, name, health), version=plugins.distributions.get(name, ""),
        needs=_parts(ctx, switches.needs(ctx, name) if plugin else ()), dependants=_parts(ctx, switches.dependants(ctx, name)),
        has_settings=bool(plugin and {"tenant", "link"} & plugin.settings.keys()),
    )


def _parts(ctx: TenantCtx, names: Sequence[str]) -> list[Part]:
    return [Part(name=n, title=switches.title_of(ctx, n), state=SWITCHES[switches.state_of(ctx, n)]) for n in dict.fromkeys(names)]


def _why(ctx: TenantCtx, name: str, health: str) -> str:
    """What is wrong, and what people see instead. The error itself is for the platform's operators."""
    on = switches.state_of(ctx, name) != "off"
    if health == "broken":
        return _("启动失败，依赖它的操作会提示“暂不可用”，不会跳过它的检查；请联系平台管理员") if on else _("启动失败，暂时不能启用；请联系平台管理员")
    if health == "missing":
        return _("已不在系统中，数据保留；可以停用，或请平台管理员重新安装")
    if health == "degraded":
        return _("最近多次出错，它的页面和数据列可能显示“暂不可用”")
    if health == "not_allowed":
        return _not_allowed(ctx, name)
    if switches.state_of(ctx, name) == "draining":
        return _("不再接受新的事项，未完成的完成后自动停用")
    return ""


def _not_allowed(ctx: TenantCtx, name: str) -> str:
    if name in ctx.app.plugins.not_allowed:
        return _("平台没有装载此插件")
    with all_tenants() as session:
        row = settings.rows(session, own.Allowed, ctx.tenant.id).get("allowed")
        at: datetime | None = row.changed_at if row else None
    when = _when(ctx, at)
    return _("平台管理员于 %(when)s 设为不向本机构开放", when=when) if when else _("平台未向本机构开放")


def _when(ctx: TenantCtx, at: datetime | None) -> str:
    return clock.local(at, ctx.tenant.zone).strftime("%Y-%m-%d %H:%M") if at else ""


def problems(ctx: TenantCtx, name: str) -> list[str]:
    """Why it cannot be switched off at once, by its own word. A plugin that does not answer is one problem."""
    try:
        return [p.text for p in switches.objections(ctx, name)]
    except PluginUnavailable:
        return [_("插件没有回答能否停用")]


def adds(ctx: TenantCtx, name: str) -> list[tuple[object, str]]:
    """What it adds for this side, from its declarations: a heading and the titles."""
    plugins = ctx.app.plugins
    declared = plugins.house.by_owner.get(name)
    if declared is None:
        return []
    provides = plugins.found[name].provides
    found: list[tuple[object, list[object]]] = [
        (_l("菜单"), [m.title for m in declared.menus if m.side == ctx.side]),
        (_l("提供"), [CAPABILITY_WORDS.get(c, c) for c in provides]),
        (_l("权限"), [p.title for p in declared.permissions if p.side == ctx.side]),
        (_l("数据列"), [c.label for _list, c in declared.columns if hasattr(c, "label")]),
        (_l("通知"), [n.title for n in declared.notice_kinds]),
    ]
    return [(label, _("、").join(dict.fromkeys(map(str, titles)))) for label, titles in found if titles]


def recent_error(name: str) -> tuple[str, datetime] | None:
    """Class of the last failure and when (UTC); no text of foreign code."""
    with all_tenants() as session:
        row = session.scalars(
            sa.select(PluginFault).where(PluginFault.plugin == name, PluginFault.last_at.is_not(None)).order_by(PluginFault.last_at.desc()).limit(1)
        ).one_or_none()
        return (row.error, row.last_at) if row is not None and row.last_at is not None else None


def stored(ctx: TenantCtx, name: str) -> list[tuple[str, int | None]]:
    """Tables of a plugin and how many rows of each are this tenant's; ``None`` where no column says whose they are."""
    from core.run import migrate

    house = ctx.app
    tables = migrate.tables_of(house, name) if name in dict(migrate.owners(house)) else frozenset()
    with all_tenants() as session:
        found: list[tuple[str, int | None]] = []
        for table in sorted(tables & metadata.tables.keys()):
            mine = _mine(ctx, metadata.tables[table])
            rows = None if mine is None else session.execute(sa.select(sa.func.count()).select_from(metadata.tables[table]).where(mine))
            found.append((table, rows.scalar_one() if rows is not None else None))
    return found


def _mine(ctx: TenantCtx, table: sa.Table) -> sa.ColumnElement[bool] | None:
    column: Any = next((table.c[c] for c in ("tenant_id", f"{ctx.side}_id") if c in table.c), None)
    return None if column is None else column == ctx.tenant.id


def choices(ctx: TenantCtx) -> list[Choice]:
    """Capabilities of which the tenant has several providers switched on."""
    found = []
    for capability in CAPABILITIES:
        able = providers.able(ctx, capability)
        if len(able) > 1:
            found.append(
                Choice(
                    capability=capability, title=CAPABILITY_WORDS.get(capability, capability), chosen=able[0],
                    options=[(n, switches.title_of(ctx, n)) for n in sorted(able)],
                )
            )
    return found
