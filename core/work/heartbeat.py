"""Renew a lease while its work runs: a worker that dies gives its work free within the lease, not when it would be done."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from core.tenancy.sessions import all_tenants
from core.work import turns
from core.work.turns import Turn

if TYPE_CHECKING:
    from core.host.house import Application

log = logging.getLogger(__name__)
BEAT = 20.0
"""Seconds between renewals; a third of the lease, so that two may fail."""


class TakenOver(RuntimeError):
    """Somebody else took this work meanwhile: what was done for it is rolled back."""


@contextmanager
def beating(house: Application, table: Any, turn: Turn) -> Iterator[None]:
    """Renew on a connection of its own until the block ends."""
    done = Event()
    thread = Thread(target=_beat, args=(house, table, turn, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(house: Application, table: Any, turn: Turn, done: Event) -> None:
    while not done.wait(BEAT):
        try:
            with house.flask.app_context(), all_tenants(write=True) as db:
                held = turns.renew(db, table, turn)
        except SQLAlchemyError as error:
            log.warning("lease not renewed", extra={"error": type(error).__name__})
            continue
        if not held:
            log.error("work was taken over", extra={"job_id": turn.id})
            return
