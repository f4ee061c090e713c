"""What the pages of an account show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core import clock
from core.accounts import login, settings
from core.accounts.models import Account, LoginSession
from core.tenancy.models import Membership, Role, Tenant
from core.tenancy.sessions import all_tenants, nobody
from core.web import slots
from core.web.gate import OPERATOR
from plugin_sdk.errors import NotFound
from plugin_sdk.i18n import lazy as _l

if TYPE_CHECKING:
    from core.host.house import Application


@dataclass(frozen=True)
class CardCount:
    """A figure in a card that leads to its list; ``alert`` draws it as something to do, no number is one that failed."""

    label: object
    number: int | None
    url: str
    alert: bool = False


@dataclass(frozen=True, kw_only=True)
class Card:
    """One tenant on the workbench."""

    code: str
    name: str
    kind: str
    roles: str
    url: str
    counts: tuple[CardCount, ...]
    default: bool


def cards(house: Application, account_id: int) -> list[Card]:
    """The account's tenants with what waits in each; plugins fill ``workbench.count``."""
    found = []
    with all_tenants() as db:
        account = db.get_one(Account, account_id)
        operator = account.platform_role == OPERATOR
        rows = db.execute(
            sa.select(Membership, Tenant, Role.name)
            .join(Tenant, Tenant.id == Membership.tenant_id)
            .join(Role, Role.id == Membership.role_id)
            .where(Membership.account_id == account_id, Membership.left_at.is_(None))
            .order_by(Tenant.kind.desc(), Tenant.name)
        ).all()
    for membership, tenant, role in rows:
        found.append(
            Card(
                code=tenant.code, name=tenant.name, kind=tenant.kind, roles=role, url=f"/t/{tenant.code}/",
                counts=_counts(house, tenant, account), default=bool(membership.prefs.get("landing")),
            )
        )
    if operator:
        found.append(
            Card(code="PLATFORM", name=str(_l("平台管理")), kind="platform", roles="", url="/admin/plugins", counts=(), default=False)
        )
    return found


def _counts(house: Application, tenant: Tenant, account: Account) -> tuple[CardCount, ...]:
    """Figures of enabled plugins, as this member may see them."""
    ctx = house.member_ctx(tenant, account, write=False)
    try:
        loaded = slots.values(ctx, "workbench.count")
    finally:
        ctx.close()
    counts: list[CardCount] = []
    for found in loaded:
        if found is None:
            counts.append(CardCount(_l("暂不可用"), None, f"/t/{tenant.code}/"))
        else:
            counts += [CardCount(label, n, url, alert=n > 0) for label, n, url in found["counts"]]
    return tuple(counts)


def landing(account_id: int) -> str | None:
    """Where the login leads, if the account chose a tenant it still belongs to."""
    return next((f"/t/{t.code}/" for m, t in login.tenants_of(account_id) if m.prefs.get("landing")), None)


def set_landing(account_id: int, code: str) -> None:
    with all_tenants(write=True) as db:
        for membership, tenant in db.execute(
            sa.select(Membership, Tenant)
            .join(Tenant, Tenant.id == Membership.tenant_id)
            .where(Membership.account_id == account_id)
        ):
            membership.prefs = {**membership.prefs, "landing": tenant.code == code}


@dataclass(frozen=True)
class Device:
    """One live session as its owner sees it. ``browser`` and ``system`` are names, or empty when they are not known."""

    row_id: int
    public_id: str
    browser: str
    system: str
    address: str
    began_at: datetime
    seen_at: datetime
    remembered: bool


BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Mac OS", "macOS"),
           ("Linux", "Linux"))


def sessions_of(account_id: int) -> list[Device]:
    """Sessions that could still be used, the last seen first."""
    with nobody() as db:
        limits, own = settings.login(db), settings.own(db, account_id)
        rows = db.scalars(
            sa.select(LoginSession)
            .where(
                LoginSession.account_id == account_id, LoginSession.ended_at.is_(None), LoginSession.expires_at > clock.now()
            )
            .order_by(LoginSession.seen_at.desc())
        ).all()
    idle = clock.now() - timedelta(minutes=limits.idle_minutes)
    return [
        Device(
            row.id, row.public_id, _named(row.agent, BROWSERS), _named(row.agent, SYSTEMS), row.address, row.created_at,
            row.seen_at, bool(row.family),
        )
        for row in rows if row.seen_at >= idle or not own.auto_logout
    ]


def _named(agent: str, words: tuple[tuple[str, str], ...]) -> str:
    return next((name for word, name in words if word in agent), "")


def session(account_id: int, public_id: str) -> LoginSession:
    """:raise NotFound: no session of this account"""
    with nobody() as db:
        row = db.scalars(
            sa.select(LoginSession).where(LoginSession.public_id == public_id, LoginSession.account_id == account_id)
        ).one_or_none()
    if row is None:
        raise NotFound
    return row
