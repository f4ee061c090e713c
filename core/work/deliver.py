"""Deliver events. A handler's effect and its ``done`` are one transaction; whatever runs here may run twice."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core import clock, faults
from core.host.hooks import HookFailed
from core.tenancy.sessions import all_tenants
from core.work import alarms, held, outbox, turns
from core.work.heartbeat import TakenOver
from core.work.models import Delivery, Outbox
from core.work.turns import Turn
from plugin_sdk import events
from plugin_sdk.errors import PluginUnavailable

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
SECONDS = 30.0
"""A listener that takes longer is left behind: well within the lease, and the clock serves everybody."""
STALE = 20.0
"""Seconds after which a lease of the batch is renewed before its delivery begins."""


class UnknownEvent(LookupError):
    """This release does not know the event's kind: tried again, then parked for a person to look at."""


def deliver_due(house: Application, limit: int = 20) -> int:
    """Deliver what is due, each alone. :return: how many were tried"""
    with all_tenants(write=True) as db:
        taken = [] if held.since(db) is not None else turns.next_deliveries(db, limit)
    started = time.monotonic()
    for turn in taken:
        if time.monotonic() - started > STALE:
            with all_tenants(write=True) as db:
                if not turns.renew(db, Delivery, turn):
                    continue
        _deliver(house, turn)
    return len(taken)


def _deliver(house: Application, turn: Turn) -> None:
    with all_tenants() as db:
        delivery = db.get_one(Delivery, turn.id)
        row = db.get_one(Outbox, delivery.outbox_id)
    try:
        _hand_over(house, turn, delivery, row)
    except TakenOver:
        log.warning("delivery was taken over", extra={"delivery_id": turn.id})
    except Exception as error:  # the edge of the process: retried, then parked and shown
        if isinstance(error, PluginUnavailable) and not isinstance(error, HookFailed):
            with all_tenants(write=True) as db:
                outbox.put_off(db, turn, type(error).__name__)
            return
        log.exception("delivery failed", extra={"delivery_id": turn.id, "handler": delivery.handler})
        with all_tenants(write=True) as db:
            if (parked := outbox.failed(db, turn, error)) is not None:
                alarms.parked(db, house, parked)


def _hand_over(house: Application, turn: Turn, delivery: Delivery, row: Outbox) -> None:
    """:raise PluginUnavailable: the plugin is on here but did not start; :raise TakenOver: nothing of it is written"""
    with house.system_ctx(row.tenant_id) as ctx:
        if delivery.plugin == "core" or delivery.plugin in ctx.enabled:
            if delivery.plugin not in house.plugins.house.by_owner:
                raise PluginUnavailable(plugin=delivery.plugin)
            event = events.read(row.kind, row.payload)
            if event is None:
                raise UnknownEvent(row.kind)
            if delivery.handler.endswith(f":{outbox.EVERY}"):
                outbox.expand(ctx.db, house.plugins.house, delivery, row, event)
            else:
                call = partial(
                    house.plugins.guard.run, delivery.plugin, f"listener {type(event).__name__}",
                    house.resolve(delivery.handler), ctx, event, seconds=SECONDS, ctx=ctx,
                )
                call()
                if faults.point("delivery.handled"):
                    call()
        finished = ctx.db.execute(
            turns.mine(sa.update(Delivery), Delivery, turn).values(state="done", err="", lease_until=None)
        )
        if not finished.rowcount:  # type: ignore[attr-defined]
            raise TakenOver
    faults.point("delivery.done")


def waiting_longest(house: Application) -> float:
    """Seconds for which the oldest event that is not delivered to everybody has waited, parked ones left out."""
    with all_tenants() as db:
        oldest = db.scalar(
            sa.select(sa.func.min(Outbox.at))
            .join(Delivery, Delivery.outbox_id == Outbox.id)
            .where(Delivery.state.in_(("waiting", "leased")))
        )
        return 0.0 if oldest is None else (clock.of(db) - oldest).total_seconds()
