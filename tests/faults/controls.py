"""Known defects, each built by a patch of this process. The harness must report every one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import g
from sqlalchemy import event

from core import app as application
from core import faults
from core.host.context import TenantCtx
from core.intake import ingest, prepare, sweep
from core.tenancy import sessions
from core.tenancy.sessions import all_tenants
from core.web import idempotency
from core.work import deliver, outbox, turns
from core.work.models import Delivery, Outbox
from plugin_sdk import events
from plugins.billing import actions as billing

GAP = "control.gap"


def acknowledge_before_commit() -> None:
    """The answer leaves first; what it promised is committed when the next request comes."""
    late: list[TenantCtx] = []
    ours = application.TeleradFlask.dispatch_request

    def finish() -> None:
        while late:
            ctx = late.pop()
            ctx.commit()
            ctx.close()

    def dispatch(self: Any) -> Any:
        if late:
            faults.point(GAP)
        finish()
        ctx = g.get("ctx")
        if ctx is None or not ctx.write or "multipart" not in (application.request.mimetype or ""):
            return ours(self)
        commit, ctx.commit = ctx.commit, lambda: None
        response = ours(self)
        ctx.commit = commit
        late.append(g.pop("ctx"))
        return response

    application.TeleradFlask.dispatch_request = dispatch


def row_before_bytes() -> None:
    """Rows are committed first, bytes follow."""
    write = ingest._write

    def rows_first(ctx: Any, items: Any, note: Any) -> Any:
        done = write(ctx, items, note)
        faults.point(GAP)
        for item in items:
            ctx.app.blobs.keep(ctx.tenant.code, item.sha256, item.path, item.gen)
        return done

    prepare._keep = lambda ctx, sha256, path: 0
    ingest._write = rows_first


def outbox_in_a_second_transaction() -> None:
    """Events are written after the commit of what they tell of."""
    def emit(session: Any, house: Any, told: Any, *, absent: Any = ()) -> None:
        def write() -> None:
            faults.point(GAP)
            with all_tenants(write=True) as db:
                ours(db, house, told, absent=absent)

        session.info.setdefault("late", []).append(write)

    ours, outbox.emit = outbox.emit, emit

    def committed(session: Any) -> None:
        calls = session.info.pop("late", ())
        if calls:
            session.info["after"] = calls

    event.listen(sessions.TenantSession, "after_commit", committed)
    commit = TenantCtx.commit

    def commit_then_write(self: TenantCtx) -> None:
        commit(self)
        for call in self.db.info.pop("after", ()):
            call()

    TenantCtx.commit = commit_then_write  # type: ignore[method-assign]


def no_done_row() -> None:
    """A handler's effect is committed, then in a second transaction that it was done."""
    def hand_over(house: Any, turn: Any, delivery: Delivery, row: Outbox) -> None:
        with house.system_ctx(row.tenant_id) as ctx:
            if delivery.plugin == "core" or delivery.plugin in ctx.enabled:
                house.resolve(delivery.handler)(ctx, events.read(row.kind, row.payload))
        if delivery.plugin == "probe":  # core's own handlers may run twice unseen
            faults.point(GAP)
        with all_tenants(write=True) as db:
            db.execute(turns.mine(sa.update(Delivery), Delivery, turn).values(state="done"))

    deliver._hand_over = hand_over


def idempotency_answer_outside_the_transaction() -> None:
    """The effect is committed, then the answer that a repeated key would get."""
    def commit(response: Any) -> Any:
        g.ctx.commit()
        faults.point(GAP)
        idempotency.remember(response)
        g.ctx.commit()
        return response

    idempotency.commit = commit


def lease_without_fence() -> None:
    """Whoever comes late writes all the same."""
    turns.mine = lambda statement, table, turn: statement.where(table.id == turn.id).execution_options(
        synchronize_session=False
    )


def listener_on_selects_only() -> None:
    """The tenant's criterion is added to reading statements alone."""
    ours = sessions._scope
    event.remove(sessions.TenantSession, "do_orm_execute", ours)
    event.listen(sessions.TenantSession, "do_orm_execute", lambda state: ours(state) if state.is_select else None)


def sweeper_without_reference_check() -> None:
    """Old parts are removed whoever names them."""
    ours = sweep._remove_parts

    def remove(house: Any) -> None:
        sweep.set = lambda _: frozenset()  # type: ignore[attr-defined]
        try:
            ours(house)
        finally:
            del sweep.set  # type: ignore[attr-defined]

    sweep._remove_parts = remove


def charge_in_a_second_transaction() -> None:
    """A report is confirmed and committed, then what is owed for it is written."""
    ours = billing.charge

    def late(ctx: Any, quote: Any, lines: Any) -> Any:
        def write() -> None:
            faults.point(GAP)
            with ctx.app.system_ctx(ctx.tenant.id) as other:
                ours(other, quote, lines)

        ctx.after_commit(write)
        return list(lines)

    billing.charge = late


def no_fsync() -> None:
    """Bytes are not synced before their name; see the losing disk."""


CONTROLS: dict[str, Callable[[], None]] = {f.__name__: f for f in (
    acknowledge_before_commit, row_before_bytes, outbox_in_a_second_transaction, no_done_row,
    idempotency_answer_outside_the_transaction, lease_without_fence, listener_on_selects_only,
    sweeper_without_reference_check, charge_in_a_second_transaction, no_fsync,
)}
