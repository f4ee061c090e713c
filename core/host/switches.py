"""Switch plugins on, draining and off for one tenant. At once in every process: the set stands on the tenant's row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from core import clock
from core.audit.models import Audit
from core.host import providers
from core.host import settings as own
from core.host.loader import bundled
from core.tenancy import settings
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.api import Plugin
from plugin_sdk.capabilities import CAPABILITIES
from plugin_sdk.errors import Conflict, DomainError, PluginUnavailable, RefusedByPlugin, StaleVersion
from plugin_sdk.events import PluginChanged
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.types import Problem

if TYPE_CHECKING:
    from core.host.context import TenantCtx
    from core.host.house import Application
    from core.host.loader import Plugins

Switch = Literal["off", "on", "draining"]
WORDS: Mapping[Switch, object] = {"on": _l("已启用"), "draining": _l("停用中"), "off": _l("已停用")}
KINDS = {"on": "plugin.enabled", "draining": "plugin.draining", "off": "plugin.disabled"}


class NotInstalled(DomainError):
    sentence = _l("插件未安装或未启动")


class NotAllowed(DomainError):
    """:param plugin: which one; what was asked for may need it"""

    sentence = _l("平台未允许本机构使用此插件")


class Needed(Conflict):
    """:param plugins: names of enabled plugins that cannot do without it"""

    code, sentence = "refused-by-plugin", _l("其他已启用的插件需要它")


class Switched(StaleVersion):
    """Somebody else turned the switch since it was looked at."""


def state_of(ctx: TenantCtx, name: str) -> Switch:
    value = ctx.row.plugins.get(name, "off")
    return "on" if value == "on" else "draining" if value == "draining" else "off"


def installed(plugins: Plugins, side: str) -> list[str]:
    """Plugins of a side, broken ones too, in start order and then by name."""
    names = [*plugins.ready, *sorted(n for n in plugins.broken if n in plugins.found)]
    return [n for n in names if plugins.found[n].side in (side, "both")]


def expect(ctx: TenantCtx, name: str, was: str) -> None:
    """Hold the tenant's set for this transaction and see that a switch stands as it was looked at.

    :raise Switched: it does not; the sentence says how it stands, since when and by whom
    """
    _renew(ctx, ctx.db.get_one(Tenant, ctx.tenant.id, with_for_update=True))
    if (now := state_of(ctx, name)) == was:
        return
    values = {"plugin": title_of(ctx, name), "state": WORDS[now]}
    last = last_turn(ctx, name)
    if last is None:
        raise Switched(_("“%(plugin)s”现在是%(state)s，请确认后再操作", **values))
    who, at = last
    when = clock.local(at, ctx.tenant.zone).strftime("%Y-%m-%d %H:%M:%S")
    raise Switched(_("%(name)s 于 %(when)s 将“%(plugin)s”改为%(state)s，请确认后再操作", name=who, when=when, **values))


def last_turn(ctx: TenantCtx, name: str) -> tuple[str, datetime] | None:
    """Who turned a switch last, and when (UTC), as the tenant's log has it."""
    entry = ctx.db.scalars(
        sa.select(Audit)
        .where(Audit.kind.in_(KINDS.values()), Audit.ref == f"host:plugin:{name}")
        .order_by(Audit.id.desc())
        .limit(1)
    ).one_or_none()
    if entry is None:
        return None
    who = ctx.users.view(entry.account_id)
    return who.name if who else _("系统"), entry.at


def title_of(ctx: TenantCtx, name: str) -> str:
    plugin = ctx.app.plugins.found.get(name)
    return str(plugin.title or name) if plugin else name


def titles(ctx: TenantCtx, names: Iterable[str]) -> str:
    return _("、").join(title_of(ctx, n) for n in names)


def allowed(ctx: TenantCtx) -> frozenset[str] | None:
    """What the platform lets this tenant use; ``None`` for everything installed."""
    with all_tenants() as session:
        names = settings.load(session, own.Allowed, ctx.tenant.id).allowed
    return None if names is None else frozenset(names)


def enable(ctx: TenantCtx, name: str) -> list[str]:
    """Switch a plugin and what it requires on, in this transaction. :return: what changed, in the order it was done

    :raise NotInstalled: not installed, broken, or for the other side
    :raise NotAllowed: the platform does not let this tenant use it, or something it requires
    """
    plugins, may = ctx.app.plugins, allowed(ctx)
    if name not in plugins.ready or plugins.found[name].side not in (ctx.side, "both"):
        raise NotInstalled(_("“%(plugin)s”未安装或未启动", plugin=title_of(ctx, name)))
    if may is not None and name not in may:
        raise NotAllowed(_("平台未允许本机构使用“%(plugin)s”", plugin=title_of(ctx, name)), plugin=name)
    changed = [done for need in needs(ctx, name) for done in enable(ctx, need)]
    if state_of(ctx, name) == "on":
        return changed
    _turn(ctx, name, "on")
    ctx.hooks.tenant_enabled(ctx, name)
    return [*changed, name]


def furnish(ctx: TenantCtx) -> None:
    """Give a new tenant what comes with the product for its side. Nobody did it: it is no entry of its log."""
    plugins = ctx.app.plugins
    names = [n for n in installed(plugins, ctx.side) if n in plugins.ready and bundled(plugins.found[n])]
    row = ctx.db.get_one(Tenant, ctx.tenant.id)
    row.plugins = _chosen(dict.fromkeys(names, "on"), plugins, names)
    _renew(ctx, row)
    for name in names:
        ctx.hooks.tenant_enabled(ctx, name)


def disable(ctx: TenantCtx, name: str) -> None:
    """Switch a plugin off; its data stays. A broken one cannot be asked and goes off all the same.

    :raise Needed: another enabled plugin requires it
    :raise RefusedByPlugin: it objects itself; :func:`drain` is the way then
    """
    if state_of(ctx, name) == "off":
        return
    _check_needed(ctx, name)
    if problems := objections(ctx, name):
        raise RefusedByPlugin(_("；").join(p.text for p in problems), plugin=name)
    _turn(ctx, name, "off")


def drain(ctx: TenantCtx, name: str) -> None:
    """Let nothing new begin; what is open goes on, and the plugin goes off by itself when nothing is left.

    :raise Needed: another enabled plugin requires it
    """
    if state_of(ctx, name) != "on":
        raise Conflict
    _check_needed(ctx, name)
    _turn(ctx, name, "draining")


def finish_draining(house: Application) -> None:
    """Switch off what drained. The job ``host.drain``."""
    with all_tenants() as session:
        rows = session.execute(sa.select(Tenant.id, Tenant.plugins)).all()
    for tenant_id, states in rows:
        for name in sorted(n for n, state in states.items() if state == "draining"):
            with house.system_ctx(tenant_id) as ctx:
                try:
                    empty = not objections(ctx, name)
                except PluginUnavailable:
                    empty = False
                if empty and not dependants(ctx, name):
                    _turn(ctx, name, "off")


def objections(ctx: TenantCtx, name: str) -> Sequence[Problem]:
    """Why the plugin cannot be switched off now, by its own word; nothing for one that did not start."""
    return [] if name in ctx.app.plugins.broken else ctx.hooks.check_disable(ctx, name)


def choose(ctx: TenantCtx, capability: str, name: str, *, was: str | None = None) -> None:
    """Choose who provides a capability here, where several can.

    :param was: who provided it as far as whoever chooses knows
    :raise NotInstalled: it does not provide it, or is off; :raise Switched: somebody else does by now
    """
    row = ctx.db.get_one(Tenant, ctx.tenant.id, with_for_update=True)
    _renew(ctx, row)
    able = providers.able(ctx, capability)
    if name not in able:
        raise NotInstalled
    if was is not None and able[0] != was:
        raise Switched(_("现在由“%(plugin)s”提供，请确认后再操作", plugin=title_of(ctx, able[0])))
    if row.plugins.get(f"provider:{capability}") != name:
        row.plugins = {**row.plugins, f"provider:{capability}": name}
        ctx.audit("setting.changed", ref=f"host:plugin:{name}", capability=capability)
        _renew(ctx, row)


def dependants(ctx: TenantCtx, name: str) -> list[str]:
    """Enabled plugins that would miss this one."""
    found = ctx.app.plugins.found
    return sorted(n for n in ctx.enabled if n != name and n in found and name in needs(ctx, n))


def needs(ctx: TenantCtx, name: str) -> Sequence[str]:
    """Plugins that a plugin requires here; a capability is met by an enabled provider, else by the first installed."""
    found = ctx.app.plugins.found
    names: list[str] = []
    for need in found[name].requires:
        if need not in CAPABILITIES:
            names.append(need)
        elif able := [*providers.able(ctx, need), *_providing(found, need)]:
            names.append(able[0])
    return names


def _providing(found: Mapping[str, Plugin], capability: str) -> list[str]:
    return [n for n, p in found.items() if capability in p.provides]


def _check_needed(ctx: TenantCtx, name: str) -> None:
    if others := dependants(ctx, name):
        raise Needed(_("请先停用需要它的插件：%(plugins)s", plugins=titles(ctx, others)), plugins=others)


def _turn(ctx: TenantCtx, name: str, to: Switch) -> None:
    row = ctx.db.get_one(Tenant, ctx.tenant.id, with_for_update=True)
    before = row.plugins.get(name, "off")
    kept = {k: v for k, v in row.plugins.items() if k != name and not (to == "off" and k.startswith("provider:") and v == name)}
    row.plugins = kept if to == "off" else _chosen({**kept, name: to}, ctx.app.plugins, [name])
    _renew(ctx, row)
    ctx.audit(KINDS[to], ref=f"host:plugin:{name}")
    ctx.emit(PluginChanged(plugin=name, before=before, after=to))


def undo(ctx: TenantCtx) -> None:
    """Take back what this transaction turned; the ctx sees the set as it stands in the database."""
    ctx.rollback()
    _renew(ctx, ctx.app.tenant_row(ctx.tenant.id))


def _chosen(states: dict[str, str], plugins: Plugins, names: Sequence[str]) -> dict[str, str]:
    """Name the provider of what these plugins provide where nobody is named yet: once it is gone, nobody else takes its place
    in silence."""
    for name in names:
        for capability in plugins.found[name].provides if name in plugins.found else ():
            able = [n for n, p in plugins.found.items() if states.get(n) in ("on", "draining") and capability in p.provides]
            states.setdefault(f"provider:{capability}", next((n for n in able if n != name), name))
    return states


def _renew(ctx: TenantCtx, row: Tenant) -> None:
    """The ctx sees the switch from here on."""
    ctx.row = row
    for name in ("enabled", "hooks"):
        ctx.__dict__.pop(name, None)
