"""A plugin that does as it is told, and ways to look at its work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from core.app import TeleradFlask, create_app
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work.models import Delivery, Job, Notice, Outbox
from plugin_sdk.api import Plugin, Registry
from plugin_sdk.events import PluginChanged
from plugin_sdk.types import Ctx

HERE = __name__
ran: list[tuple[str, str]] = []
doing: dict[str, Callable[[Ctx], None]] = {}
"""What a handler or job of a given word does; nothing when it is not named."""


def heard(ctx: Ctx, event: PluginChanged) -> None:
    ran.append((ctx.tenant.code, event.after))
    doing.get(event.after, lambda _: None)(ctx)


def job(ctx: Ctx, *, word: str) -> None:
    ran.append((ctx.tenant.code, word))
    doing.get(word, lambda _: None)(ctx)


class Probe(Plugin):
    """Hears one kind of event and has one job."""

    name = "probe"
    title = "probe"

    def register(self, reg: Registry) -> None:
        reg.listen(PluginChanged, f"{HERE}:heard")
        reg.job("probe.job", f"{HERE}:job")
        reg.notice_kind("probe.heard", "probe", "work.notices")


class BrokenProbe(Plugin):
    """The same plugin on a day when it does not start."""

    name = "probe"
    title = "probe"

    def register(self, reg: Registry) -> None:
        raise RuntimeError("no licence")


def house_with(app: TeleradFlask, *extra: type[Plugin]) -> TeleradFlask:
    """The same house with other plugins beside the installed ones."""
    return create_app(replace(app.house.config, strict_plugins=False), extra=extra)


def switch(app: TeleradFlask, tenant: Tenant, state: str | None, name: str = "probe") -> None:
    with app.app_context(), all_tenants(write=True) as db:
        row = db.get_one(Tenant, tenant.id)
        row.plugins = {**{k: v for k, v in row.plugins.items() if k != name}, **({name: state} if state else {})}


def emit(app: TeleradFlask, tenant: Tenant, *words: str) -> None:
    with app.app_context(), app.house.system_ctx(tenant.id) as ctx:
        for word in words:
            ctx.emit(PluginChanged(plugin="probe", before="", after=word))


def enqueue(app: TeleradFlask, tenant: Tenant, *words: str, by: int = 0) -> None:
    with app.app_context(), app.house.system_ctx(tenant.id, account_id=by) as ctx:
        for word in words:
            ctx.enqueue("probe.job", word=word)


@contextmanager
def rows(app: TeleradFlask) -> Iterator[sa.orm.Session]:
    with app.app_context(), all_tenants() as db:
        yield db


def deliveries(app: TeleradFlask, tenant: Tenant) -> Sequence[Any]:
    """The probe's deliveries in one tenant, as (handler, state, tries, err)."""
    with rows(app) as db:
        return [tuple(r) for r in db.execute(
            sa.select(Delivery.handler, Delivery.state, Delivery.tries, Delivery.err)
            .where(Delivery.tenant_id == tenant.id, Delivery.plugin == "probe").order_by(Delivery.id)
        )]


def jobs_of(app: TeleradFlask, tenant: Tenant) -> Sequence[Any]:
    """The probe's jobs in one tenant, as (state, tries, err)."""
    with rows(app) as db:
        return [tuple(r) for r in db.execute(
            sa.select(Job.state, Job.tries, Job.err)
            .where(Job.tenant_id == tenant.id, Job.name == "probe.job").order_by(Job.id)
        )]


def notices_of(app: TeleradFlask, tenant: Tenant, kind: str) -> list[int]:
    """Accounts that were told, unread ones only."""
    with rows(app) as db:
        return sorted(db.scalars(
            sa.select(Notice.account_id).where(
                Notice.tenant_id == tenant.id, Notice.kind == kind, Notice.read_at.is_(None)
            )
        ))


def forget(app: TeleradFlask) -> None:
    """Leave no unfinished work to the next test."""
    with app.app_context(), all_tenants(write=True) as db:
        for table, words in ((Job, ("queued", "running")), (Delivery, ("waiting", "leased"))):
            db.execute(sa.update(table).where(table.state.in_(words)).values(state="done"))
        db.execute(sa.delete(Outbox).where(Outbox.kind == "PluginChanged"))
    ran.clear()
    doing.clear()
