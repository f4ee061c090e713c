"""One application in one process: configuration, plugins, contexts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core import clock
from core.accounts.models import Account
from core.audit import looks
from core.config import Config
from core.host.context import TenantCtx
from core.host.loader import Plugins, resolve
from core.store.blobs import BlobStore
from core.store.disk import Disk
from core.tenancy.models import Membership, Role, Tenant
from core.tenancy.sessions import all_tenants, nobody
from core.work.jobs import Bell
from plugin_sdk.errors import NotFound
from plugin_sdk.types import UserView


class Application:
    """What every process needs to act. Holds no state of any request."""

    def __init__(self, config: Config, plugins: Plugins) -> None:
        self.config = config
        self.plugins = plugins
        self.bell = Bell(config.redis_url)
        self.disk = Disk(config.blobs)
        self.blobs = BlobStore(self.disk)
        self.looks = looks.Looks(self, pause=None if config.testing else looks.PAUSE)
        self._resolved: dict[str, Any] = {}
        self.blueprint_owner: dict[str, Any] = {}
        self.flask: Any = None

    def resolve(self, dotted: str) -> Any:
        if dotted not in self._resolved:
            self._resolved[dotted] = resolve(dotted)
        return self._resolved[dotted]

    def tenant_row(self, tenant_id: int) -> Tenant:
        with nobody() as session:
            return session.get_one(Tenant, tenant_id)

    def now(self) -> datetime:
        return clock.now()

    def scan(self, statement: sa.Select[Any]) -> Sequence[Any]:
        """Rows of every tenant, for jobs of the platform that then work tenant by tenant."""
        with all_tenants() as session:
            return session.execute(statement).all()

    def tenant_by_code(self, code: str) -> Tenant | None:
        with nobody() as session:
            return session.scalars(sa.select(Tenant).where(Tenant.code == code)).one_or_none()

    def member_ctx(
        self, tenant: Tenant, account: Account, *, write: bool, principal: str = ""
    ) -> TenantCtx:
        """The ctx of a member.

        :raise NotFound: the account is no member: the same answer as for a tenant that does not exist
        """
        permissions = member_permissions(tenant.id, account.id)
        if permissions is None:
            raise NotFound
        user = UserView(id=account.id, public_id=account.public_id, name=account.name)
        return TenantCtx(self, tenant, user=user, permissions=permissions, write=write, principal=principal)

    @contextmanager
    def system_ctx(self, tenant_id: int, *, write: bool = True, account_id: int = 0) -> Iterator[TenantCtx]:
        """The ctx of a job, an event handler or a command: every right of the side. Commits at the end."""
        row = self.tenant_row(tenant_id)
        codes = frozenset(p.code for p in self.plugins.house.permissions if p.side == row.kind)
        user = None
        if account_id:
            with nobody() as session:
                account = session.get_one(Account, account_id)
                user = UserView(id=account.id, public_id=account.public_id, name=account.name)
        ctx = TenantCtx(self, row, user=user, permissions=codes, write=write, principal="system")
        try:
            yield ctx
            if write:
                ctx.commit()
        except BaseException:
            ctx.rollback()
            raise
        finally:
            ctx.close()


def member_permissions(tenant_id: int, account_id: int) -> frozenset[str] | None:
    """Codes an account holds in a tenant; ``None`` when it is no member. Asked before any ctx exists."""
    with all_tenants() as session:
        codes = session.scalars(
            sa.select(Role.permissions)
            .join(Membership, Membership.role_id == Role.id)
            .where(
                Membership.tenant_id == tenant_id, Membership.account_id == account_id, Membership.left_at.is_(None)
            )
        ).one_or_none()
    return None if codes is None else frozenset(codes)
