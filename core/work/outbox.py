"""Events: written with what they tell of, delivered to each listener at least once."""

from __future__ import annotations

import logging
from datetime import timedelta
from random import uniform

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.host.registry import House
from core.work.models import Delivery, Outbox
from plugin_sdk.events import DomainEvent

log = logging.getLogger(__name__)
TRIES = 12
LEASE = timedelta(seconds=60)


def emit(session: Session, house: House, event: DomainEvent) -> None:
    """Write an event and one delivery per listener, in the caller's transaction.

    The listeners of all plugins get a row; whether the plugin is on is asked when it is delivered.
    """
    row = Outbox(
        event_id=event.id, tenant_id=event.tenant_id, kind=event.kind, payload=event.payload(), at=clock.now()
    )
    session.add(row)
    session.flush()
    for owner, declared in house.by_owner.items():
        for kind, dotted in declared.listeners:
            if isinstance(event, kind):
                session.add(Delivery(outbox_id=row.id, plugin=owner, handler=dotted, next_at=clock.now()))


def lease_due(session: Session, limit: int = 20) -> list[int]:
    """Take deliveries that are due, or whose holder went away. Runs in its own write transaction."""
    at = clock.now()
    due = (
        sa.select(Delivery.id)
        .where(
            sa.or_(
                sa.and_(Delivery.state == "waiting", Delivery.next_at <= at),
                sa.and_(Delivery.state == "leased", Delivery.lease_until < at),
            )
        )
        .order_by(Delivery.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(session.scalars(due))
    if ids:
        session.execute(
            sa.update(Delivery).where(Delivery.id.in_(ids)).values(state="leased", lease_until=at + LEASE)
        )
    return ids


def failed(session: Session, delivery_id: int, error: Exception) -> None:
    """Note a failure: again later with full jitter, parked after the last try. The text names the class only."""
    delivery = session.get_one(Delivery, delivery_id)
    delivery.tries += 1
    delivery.err = type(error).__name__
    if delivery.tries >= TRIES:
        delivery.state = "parked"
        log.error("delivery parked", extra={"delivery_id": delivery_id, "handler": delivery.handler})
        return
    delivery.state = "waiting"
    delivery.next_at = clock.now() + timedelta(seconds=uniform(1, min(3600, 2**delivery.tries)))
