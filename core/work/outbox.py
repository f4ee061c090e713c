"""Events: written with what they tell of, delivered to each listener at least once."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from datetime import timedelta
from random import uniform

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.host.registry import House
from core.work import turns
from core.work.models import Delivery, Outbox
from core.work.turns import Turn
from plugin_sdk.events import DomainEvent

log = logging.getLogger(__name__)
TRIES = 12
PUT_OFF = timedelta(seconds=30)
EVERY = "*"


def emit(session: Session, house: House, event: DomainEvent, *, absent: Collection[str] = ()) -> None:
    """Write an event and one delivery per listener, in the caller's transaction.

    The listeners of all plugins get a row; whether the plugin is on is asked when it is delivered.

    :param absent: plugins that the tenant has on but that did not start: one row each, its listeners are found later
    """
    row = Outbox(
        event_id=event.id, tenant_id=event.tenant_id, kind=event.kind, payload=event.payload(), at=clock.now()
    )
    session.add(row)
    session.flush()
    heard = [(owner, dotted) for owner in house.by_owner for dotted in listeners(house, owner, event)]
    for owner, handler in (*heard, *((name, f"{name}:{EVERY}") for name in sorted(absent))):
        session.add(_waiting(row, owner, handler))


def listeners(house: House, owner: str, event: DomainEvent) -> Iterator[str]:
    """Who of one owner hears an event, as dotted names."""
    for kind, dotted in house.by_owner[owner].listeners:
        if isinstance(event, kind):
            yield dotted


def _waiting(row: Outbox, owner: str, handler: str) -> Delivery:
    return Delivery(outbox_id=row.id, tenant_id=row.tenant_id, plugin=owner, handler=handler, next_at=clock.now())


def expand(session: Session, house: House, delivery: Delivery, row: Outbox, event: DomainEvent) -> None:
    """A plugin that had not started has: each of its listeners gets its own row."""
    there = set(session.scalars(sa.select(Delivery.handler).where(Delivery.outbox_id == row.id)))
    for dotted in listeners(house, delivery.plugin, event):
        if dotted not in there:
            session.add(_waiting(row, delivery.plugin, dotted))


def put_off(session: Session, turn: Turn, reason: str) -> None:
    """Wait without counting a try: the plugin is on but did not start. Broken is not off."""
    session.execute(
        turns.mine(sa.update(Delivery), Delivery, turn).values(
            state="waiting", lease_until=None, err=reason, next_at=clock.of(session) + PUT_OFF
        )
    )


def failed(session: Session, turn: Turn, error: Exception) -> Delivery | None:
    """Note a failure: again later with full jitter, parked after the last try. The text names the class only.

    :return: the delivery when it was parked now
    """
    delivery = session.get_one(Delivery, turn.id, with_for_update=True)
    if (delivery.state, delivery.fence) != ("leased", turn.fence):
        return None
    delivery.tries += 1
    delivery.err, delivery.lease_until = type(error).__name__, None
    if delivery.tries >= TRIES:
        delivery.state = "parked"
        log.error("delivery parked", extra={"delivery_id": turn.id, "handler": delivery.handler})
        return delivery
    delivery.state = "waiting"
    delivery.next_at = clock.of(session) + timedelta(seconds=uniform(1, min(3600, 2**delivery.tries)))
    return None
