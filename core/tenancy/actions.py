"""Make tenants, connect them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.accounts.sessions import end_within
from core.audit.chain import ZERO
from core.audit.models import AuditHead
from core.tenancy import permissions
from core.tenancy.models import Membership, Role, Setting, Tenant, TenantLink
from core.tenancy.sessions import TenantSession
from plugin_sdk.errors import Conflict, DomainError
from plugin_sdk.i18n import lazy as _l

if TYPE_CHECKING:
    from core.host.house import Application

CODE = re.compile(r"[A-Z][A-Z0-9]{1,15}")
RESERVED = frozenset({"PLATFORM"})


class BadCode(DomainError):
    sentence = _l("编码为 2-16 位大写字母和数字，以字母开头")


class CodeTaken(Conflict):
    sentence = _l("编码已被使用")


def create(session: Session, house: Application, *, code: str, kind: str, name: str) -> Tenant:
    """Make a tenant with its built-in roles, and switch on every bundled plugin of its side.

    What somebody else wrote is switched on by whoever wants it.

    :raise BadCode: not a code; :raise CodeTaken: used before
    """
    if not CODE.fullmatch(code) or code in RESERVED or kind not in permissions.ROLE_NAMES:
        raise BadCode
    if session.scalar(sa.select(Tenant.id).where(Tenant.code == code)) is not None:
        raise CodeTaken
    tenant = Tenant(code=code, kind=kind, number=code, name=name, plugins={}, created_at=clock.now())
    session.add(tenant)
    session.flush()
    session.add_all(AuditHead(tenant_id=tenant.id, chain=name, sha256=ZERO) for name in ("ops", "views"))
    for role, title in permissions.ROLE_NAMES[kind].items():
        session.add(
            Role(
                tenant_id=tenant.id, code=role, name=str(title), builtin=True,
                permissions=permissions.of_role(house.plugins.house.permissions, kind, role),
            )
        )
    session.add(
        Setting(scope="tenant", scope_id=tenant.id, name="accounts.must_change_password", value=True, changed_at=clock.now())
    )
    session.flush()
    _furnish(session, house, tenant)
    return tenant


def _furnish(session: Session, house: Application, tenant: Tenant) -> None:
    from core.host import switches
    from core.host.context import TenantCtx
    from core.tenancy.links import tenant_view

    own = TenantSession(
        session.connection(), tenant_id=tenant.id, side=tenant_view(tenant).kind, write=True, join_transaction_mode="rollback_only"
    )
    try:
        switches.furnish(TenantCtx(house, tenant, user=None, permissions=frozenset(), write=True, session=own))
        own.flush()
    finally:
        own.close()
    session.refresh(tenant)


def join(session: Session, *, tenant: Tenant, account_id: int, role: str) -> None:
    """Make an account a member with a role, or change its role.

    :raise DomainError: no such role here
    """
    found = session.scalars(sa.select(Role).where(Role.tenant_id == tenant.id, Role.code == role)).one_or_none()
    if found is None:
        raise DomainError(_l("没有此角色"))
    member = session.scalars(
        sa.select(Membership).where(Membership.tenant_id == tenant.id, Membership.account_id == account_id)
    ).one_or_none()
    if member is None:
        session.add(Membership(tenant_id=tenant.id, account_id=account_id, role_id=found.id, joined_at=clock.now()))
    elif (member.role_id, member.left_at) != (found.id, None):
        member.role_id, member.left_at = found.id, None
        end_within(session, account_id, why="role")  # what somebody may do is settled at login
    session.flush()


def connect(session: Session, *, hospital: Tenant, group: Tenant) -> TenantLink:
    """Connect a hospital and a group at once; an existing live connection is returned."""
    link = session.scalars(
        sa.select(TenantLink).where(
            TenantLink.hospital_id == hospital.id, TenantLink.group_id == group.id, TenantLink.state != "ended"
        )
    ).one_or_none()
    if link is None:
        at = clock.now()
        link = TenantLink(
            hospital_id=hospital.id, group_id=group.id, state="active", applied_at=at, connected_at=at
        )
        session.add(link)
        session.flush()
    return link


def refresh_builtin_roles(session: Session, house: Application) -> int:
    """Give built-in roles the codes of plugins that came since. :return: how many roles changed"""
    changed = 0
    for role, kind in session.execute(
        sa.select(Role, Tenant.kind).join(Tenant, Tenant.id == Role.tenant_id).where(Role.builtin)
    ):
        codes = permissions.of_role(house.plugins.house.permissions, kind, role.code)
        if role.permissions != codes:
            role.permissions, changed = codes, changed + 1
    return changed
