"""What the platform's operators decide for a tenant: whether it may use a plugin, and its switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.host import overview, purge, switches
from core.host import settings as own
from core.host.standing import SWITCHES, Badge
from core.tenancy import settings
from core.tenancy.models import Setting, Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.errors import Invalid, NotFound, PluginUnavailable, RefusedByPlugin
from plugin_sdk.i18n import now as _

if TYPE_CHECKING:
    from core.host.context import TenantCtx
    from core.host.house import Application

MOST = 200
VERBS = {"on": switches.enable, "off": switches.disable, "draining": switches.drain}


@dataclass(frozen=True, kw_only=True)
class Use:
    """A tenant and a plugin, as the platform sees them."""

    code: str
    name: str
    kind: str
    switch: switches.Switch
    allowed: bool

    @property
    def state(self) -> Badge:
        return SWITCHES[self.switch]


def uses(house: Application, name: str, *, find: str = "") -> tuple[list[Use], bool]:
    """Tenants that can use a plugin, or have it on, by name. :return: at most ``MOST``, and whether there are more"""
    plugin = house.plugins.found.get(name)
    kinds = ("hospital", "group") if plugin is None or plugin.side == "both" else (plugin.side,)
    stmt = sa.select(Tenant, Setting.value).join(
        Setting, sa.and_(Setting.scope == "platform", Setting.scope_id == Tenant.id, Setting.name == "host.allowed"), isouter=True
    )
    stmt = stmt.where(Tenant.kind.in_(kinds)).order_by(Tenant.kind.desc(), Tenant.name, Tenant.id).limit(MOST + 1)
    if find:
        word = find.strip()
        stmt = stmt.where(sa.or_(Tenant.name.contains(word, autoescape=True), Tenant.code.contains(word.upper(), autoescape=True)))
    with all_tenants() as session:
        rows = session.execute(stmt).all()
    found = [
        Use(code=t.code, name=t.name, kind=t.kind, switch=_switch(t.plugins.get(name)), allowed=names is None or name in names)
        for t, names in rows[:MOST]
    ]
    return found, len(rows) > MOST


def allow(house: Application, code: str, name: str, *, allowed: bool, was: bool, by: int) -> None:
    """Let a tenant use a plugin, or not any more. What it has on is switched off, or drains while cases are open.

    :param was: how it stood for whoever decides; :param by: the operator's account
    :raise NotFound: no such tenant or plugin; :raise Switched: another operator was quicker
    :raise Needed: another enabled plugin requires it
    """
    with house.system_ctx(_tenant_id(house, code, name), account_id=by) as ctx:
        row = ctx.db.get_one(Tenant, ctx.tenant.id, with_for_update=True)
        ctx.row = row
        names = settings.load(ctx.db, own.Allowed, row.id).allowed
        if (now := names is None or name in names) != was:
            raise switches.Switched(_("开放状态已被他人修改，请确认后再操作"))
        if now == allowed:
            return
        if not allowed:
            _leave(ctx, name)
        everything = {*purge.known(house), name}  # also what is not installed now: it may come back
        chosen = {*(everything if names is None else names), name} if allowed else {*(everything if names is None else names)} - {name}
        if chosen >= everything:
            settings.forget(ctx.db, own.Allowed, row.id, ["allowed"])
        else:
            settings.store(ctx.db, own.Allowed, row.id, by=by, allowed=sorted(chosen))
        ctx.audit("setting.changed", ref=f"host:plugin:{name}", names=["host.allowed"], before=was, after=allowed)


def switch(house: Application, code: str, name: str, *, to: str, was: str, by: int) -> None:
    """Turn a tenant's switch, entered in the tenant's log under the operator's name.

    :raise DomainError: as in :mod:`core.host.switches`
    """
    with house.system_ctx(_tenant_id(house, code, name), account_id=by) as ctx:
        switches.expect(ctx, name, was)
        if to not in VERBS:
            raise Invalid(errors=[{"field": "to", "message": "to"}])
        VERBS[to](ctx, name)


def _leave(ctx: TenantCtx, name: str) -> None:
    try:
        switches.disable(ctx, name)
    except (RefusedByPlugin, PluginUnavailable):
        if switches.state_of(ctx, name) == "on":
            switches.drain(ctx, name)


def _tenant_id(house: Application, code: str, name: str) -> int:
    row = house.tenant_by_code(code)
    if row is None or name not in overview.known(house):
        raise NotFound
    return row.id


def _switch(value: object) -> switches.Switch:
    return "on" if value == "on" else "draining" if value == "draining" else "off"
