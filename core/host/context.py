"""The ctx: all that a plugin may touch, in one tenant and for one user."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock, outbound
from core.audit import chain
from core.host import providers
from core.host.hooks import Hooks
from core.tenancy import settings
from core.tenancy.links import LinkDirectory, tenant_view
from core.tenancy.models import Tenant
from core.tenancy.sessions import TenantSession, tenant_session
from core.work import jobs, notices, outbox, push
from core.work.models import CoreTimer
from plugin_sdk import types as sdk
from plugin_sdk.capabilities import CAPABILITIES
from plugin_sdk.doors import Door, Doors
from plugin_sdk.errors import Conflict
from plugin_sdk.events import DomainEvent

if TYPE_CHECKING:
    from core.host.house import Application

T = TypeVar("T")
NAMES = {protocol: name for name, protocol in CAPABILITIES.items()}


class TenantCtx:
    """Implements :class:`plugin_sdk.types.Ctx`.

    It owns its session. ``at()`` gives the counterpart's ctx on the same connection, so that both sides' rows commit
    together; only the outermost ctx commits.
    """

    def __init__(
        self,
        app: Application,
        tenant: Tenant,
        *,
        user: sdk.UserView | None,
        permissions: frozenset[str],
        write: bool,
        principal: str = "",
        session: Session | None = None,
        parent: TenantCtx | None = None,
        door: Door | None = None,
    ) -> None:
        self.app = app
        self.row = tenant
        self.tenant = tenant_view(tenant)
        self.user = user
        self.permissions = permissions
        self.write = write
        self.principal = principal or f"user:{user.id if user else 0}"
        self.parent, self.door = parent, door
        self._session = session
        self._counterparts: dict[int, TenantCtx] = {}
        self._after: list[Callable[[], None]] = []

    @property
    def side(self) -> sdk.Side:
        return self.tenant.kind

    @cached_property
    def enabled(self) -> frozenset[str]:
        return frozenset(name for name, state in self.row.plugins.items() if state in ("on", "draining"))

    @property
    def draining(self) -> frozenset[str]:
        """Enabled plugins that shall begin nothing new."""
        return frozenset(name for name, state in self.row.plugins.items() if state == "draining")

    @property
    def db(self) -> Session:
        if self._session is None:
            self._session = tenant_session(self.tenant.id, self.side, write=self.write)
        return self._session

    @cached_property
    def hooks(self) -> Hooks:
        return Hooks(self.app.plugins, self.enabled)

    @cached_property
    def studies(self) -> sdk.Studies:
        from core.studies.service import StudyService

        return StudyService(self)

    @cached_property
    def grants(self) -> sdk.Grants:
        from core.access.grants import GrantService

        return GrantService(self)

    @cached_property
    def users(self) -> sdk.Users:
        from core.accounts.directory import UserDirectory

        return UserDirectory(self)

    @cached_property
    def files(self) -> sdk.Files:
        from core.store.files import FileService

        return FileService(self)

    @cached_property
    def links(self) -> sdk.Links:
        return LinkDirectory(self)

    @cached_property
    def doors(self) -> Doors:
        from core.access.doors import DoorService

        return DoorService(self)

    @contextmanager
    def reading(self) -> Iterator[TenantCtx]:
        """The same person's ctx that only reads, on a session of its own.

        For slow work (drawing, files) before the first write: on SQLite a write transaction is the house's only one.
        """
        other = TenantCtx(
            self.app, self.row, user=self.user, permissions=self.permissions, write=False, principal=self.principal, door=self.door
        )
        try:
            yield other
        finally:
            other.close()

    def may(self, code: str) -> bool:
        return code in self.permissions

    def address(self, path: str) -> str:
        """The public address of a path of this site, for print and messages; empty when nobody told it."""
        return self.app.config.url.rstrip("/") + path if self.app.config.url else ""

    def now(self) -> datetime:
        return clock.now()

    def signing_time(self) -> datetime:
        """:raise ClockJumped: this process's clock and the database's differ by more than a minute"""
        clock.check(self.db)
        return clock.now()

    def settings(self, of: type[T], *, scope_id: int | None = None) -> T:
        """Settings of this tenant, or of a connection by its id."""
        _, scope = settings.catalogue().prefix(of)
        if scope_id is None:
            scope_id = {"tenant": self.tenant.id, "platform": 0}.get(scope, self.user.id if self.user else 0)
        return settings.load(self.db, of, scope_id)

    def get(self, capability: type[T]) -> T | None:
        """The enabled provider of a capability, ``None`` when there is none. :raise PluginUnavailable: it did not start"""
        if (owner := self.provider(capability)) is None:
            return None
        return providers.made(self, owner, NAMES[capability])  # type: ignore[no-any-return]

    def provider(self, capability: type[Any]) -> str | None:
        """The plugin that provides a capability here. :raise PluginUnavailable: it did not start, or is gone"""
        return providers.name_of(self, NAMES[capability])

    def at(self, link_id: int) -> TenantCtx:
        """The counterpart's ctx across a connection: same transaction, no permissions of its own.

        :raise Conflict: the connection is not this tenant's
        """
        if link_id not in self._counterparts:
            link = self.links.get(link_id)
            other = link.group if self.side == "hospital" else link.hospital
            if self.tenant.id not in (link.group.id, link.hospital.id):
                raise Conflict
            session = TenantSession(
                self.db.connection(), tenant_id=other.id, side=other.kind, write=self.write,
                join_transaction_mode="rollback_only",
            )
            row = self.app.tenant_row(other.id)
            self._counterparts[link_id] = TenantCtx(
                self.app, row, user=self.user, permissions=frozenset(), write=self.write, principal=self.principal,
                session=session, parent=self,
            )
        return self._counterparts[link_id]

    def audit(self, kind: str, *, ref: str, **facts: Any) -> None:
        chain.append(
            self.db, tenant_id=self.tenant.id, account_id=self.user.id if self.user else 0, kind=kind, ref=ref, **facts
        )

    def emit(self, event: DomainEvent) -> None:
        event = replace(event, tenant_id=self.tenant.id, by=self.user.id if self.user else 0)
        absent = self.enabled - self.app.plugins.house.by_owner.keys()
        outbox.emit(self.db, self.app.plugins.house, event, absent=absent)

    def enqueue(self, job: str, **args: Any) -> str:
        root = self._root()
        return jobs.enqueue(
            root.db, self.app.plugins.house, job, tenant_id=self.tenant.id,
            account_id=self.user.id if self.user else 0, **args,
        )

    def at_time(self, due: datetime, job: str, *, key: str, **args: Any) -> None:
        """Run a registered job at a time (UTC). This tenant's waiting timer of the same plugin and key is moved."""
        spec = self.app.plugins.house.jobs[job]
        waiting = self.db.scalars(
            sa.select(CoreTimer).where(
                CoreTimer.tenant_id == self.tenant.id, CoreTimer.plugin == spec.plugin, CoreTimer.key == key,
                CoreTimer.state == "waiting",
            )
        ).one_or_none()
        if waiting is None:
            waiting = CoreTimer(tenant_id=self.tenant.id, plugin=spec.plugin, key=key, job=job, args=args, due_at=due)
            self.db.add(waiting)
        waiting.due_at, waiting.job, waiting.args = due, job, args
        self.db.flush()

    def cancel_time(self, job: str, *, key: str) -> None:
        """Cancel this tenant's waiting timer of the job's plugin under ``key``, if there is one."""
        plugin = self.app.plugins.house.jobs[job].plugin
        self.db.execute(
            sa.update(CoreTimer).values(state="cancelled").where(
                CoreTimer.tenant_id == self.tenant.id, CoreTimer.plugin == plugin, CoreTimer.key == key,
                CoreTimer.state == "waiting",
            )
        )

    def notify(self, kind: str, *, users: Sequence[int] = (), code: str = "", ref: str, **facts: Any) -> None:
        """Tell members: those named who are still here, else all who hold ``code``."""
        spec = self.app.plugins.house.notice_kinds[kind]
        accounts = self.users.members(users) or [u.id for u in self.users.holding(code) if code]
        told = notices.tell(self.db, spec, tenant_id=self.tenant.id, accounts=accounts, ref=ref, facts=facts)
        push.wake(self, told)

    def todo_done(self, kind: str, *, ref: str) -> None:
        notices.done(self.db, tenant_id=self.tenant.id, kind=kind, ref=ref)

    def fetch(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> sdk.Fetched:
        """Call another house by the rules of :func:`core.outbound.fetch`. Never inside a write transaction.

        :raise RuntimeError: this ctx has written already: on SQLite it holds the only write lock of the house
        """
        if self.write and self._session is not None and self._session.in_transaction():
            raise RuntimeError("fetch inside a write transaction: do it in a job, before the first write")
        return outbound.fetch(url, method=method, headers=headers, body=body, allow=self.app.config.fetch_allow)

    def after_commit(self, call: Callable[[], None]) -> None:
        self._root()._after.append(call)

    def commit(self) -> None:
        """Commit this ctx and its counterparts as one."""
        for other in self._counterparts.values():
            other.db.flush()
        if self._session is not None:
            self._session.commit()
        calls, self._after = self._after, []
        for call in calls:
            call()

    def rollback(self) -> None:
        """Undo everything. Counterparts live on the connection that this gives back: ``at()`` makes new ones."""
        for other in self._counterparts.values():
            other.close()
        self._counterparts.clear()
        if self._session is not None:
            self._session.rollback()
        self._after.clear()

    def close(self) -> None:
        for other in self._counterparts.values():
            other.close()
        self._counterparts.clear()
        if self._session is not None:
            self._session.close()
            self._session = None

    @property
    def session_in_use(self) -> Session | None:
        return self._root()._session

    def _root(self) -> TenantCtx:
        return self if self.parent is None else self.parent._root()
