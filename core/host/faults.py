"""Write what plugins cost and how they failed, tell administrators of a degraded one, and answer who is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.accounts.models import Account
from core.host.ledger import FAILURES, Tally, is_degraded
from core.host.models import PluginFault
from core.tenancy.models import Membership, Tenant
from core.tenancy.sessions import all_tenants, nobody
from core.work.alarms import OPERATOR
from core.work.queries import PLATFORM

if TYPE_CHECKING:
    from core.host.house import Application


def write(house: Application, tallies: Mapping[tuple[str, str], Tally]) -> None:
    """Add tallies to the rows; a plugin that becomes degraded by them is announced where it is on."""
    fallen = []
    with nobody(write=True) as session:
        before = degraded(session)
        for (plugin, place), tally in sorted(tallies.items()):
            _add(session, plugin, place, tally)
        session.flush()
        fallen = sorted(degraded(session) - before)
    for name in fallen:
        announce(house, name)


def _add(session: Session, plugin: str, place: str, tally: Tally) -> None:
    row = session.scalars(
        sa.select(PluginFault).where(PluginFault.plugin == plugin, PluginFault.place == place[:60]).with_for_update()
    ).one_or_none()
    if row is None:
        row = PluginFault(plugin=plugin, place=place[:60], calls=0, ms=0, slowest_ms=0, count=0, error="", recent=[])
        session.add(row)
    row.calls += tally.calls
    row.ms += round(tally.ms)
    row.slowest_ms = max(row.slowest_ms, round(tally.slowest_ms))
    if tally.failed:
        row.count += len(tally.failed)
        row.error = tally.error
        row.recent = [*row.recent, *(at.isoformat() for at in tally.failed)][-FAILURES:]
        row.last_at = tally.failed[-1]


def degraded(session: Session) -> frozenset[str]:
    """Plugins that failed too often lately."""
    failures: dict[str, list[datetime]] = {}
    for plugin, recent in session.execute(sa.select(PluginFault.plugin, PluginFault.recent)):
        failures.setdefault(plugin, []).extend(datetime.fromisoformat(at) for at in recent)
    return frozenset(name for name, times in failures.items() if is_degraded(times, clock.now()))


def reset(session: Session, plugin: str) -> None:
    """Forget a plugin's latest failures: it is no longer degraded. Counts stay."""
    session.execute(sa.update(PluginFault).where(PluginFault.plugin == plugin).values(recent=[]))


def announce(house: Application, name: str) -> None:
    """Tell the administrators of every tenant that uses a plugin that it is degraded, and the platform's operators."""
    with all_tenants() as session:
        rows = session.execute(sa.select(Tenant.id, Tenant.plugins))
        users = [tenant_id for tenant_id, plugins in rows if name in plugins]
        operators = session.execute(
            sa.select(Account.id, sa.func.min(Membership.tenant_id))
            .join(Membership, sa.and_(Membership.account_id == Account.id, Membership.left_at.is_(None)))
            .where(Account.platform_role == OPERATOR, Account.disabled_at.is_(None))
            .group_by(Account.id)
        ).all()
    for tenant_id in users:
        with house.system_ctx(tenant_id) as ctx:
            ctx.notify("plugin.degraded", code=f"{ctx.side}.plugin.manage", ref=f"host:plugin:{name}", plugin=name)
    for account_id, home in operators:  # notices live in a tenant: who is a member nowhere sees it on the platform's page
        with house.system_ctx(home) as ctx:
            ctx.notify("plugin.degraded", users=[account_id], ref=f"{PLATFORM}{name}", plugin=name)
