"""Jobs: a row is the record, the queue rings. A job may run twice and must not mind.

RQ carries a job's registered name and nothing else: a ring says that there is something to do, and the worker asks the
database whose turn it is. A name that is not registered is refused by the worker, so that whoever can write to the
queue still cannot call a function.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer
from sqlalchemy import event
from sqlalchemy.orm import Session

from core import clock
from core.host.registry import House
from core.work import turns
from core.work.models import Job

log = logging.getLogger(__name__)
QUEUE = "telerad"
ANY = "work.any"
"""Rings without naming a job."""
TRIES = 8
RINGS = 32
"""More rings than this wake nobody who is not awake: each worker goes on until nothing is due."""
REGISTERED: dict[str, Any] = {}


class JobRefused(RuntimeError):
    """The queue held a job whose name nobody registered."""


class RegisteredJob(RqJob):
    """An RQ job that can only be one of ours. Ours have no callbacks, and whoever wrote the queue names none either."""

    success_callback = failure_callback = stopped_callback = None

    @property
    def func(self) -> Any:
        if self.func_name not in REGISTERED:
            log.error("job refused", extra={"job_name": str(self.func_name)[:60]})
            raise JobRefused(self.func_name)
        return REGISTERED[self.func_name]


def queue(connection: Redis) -> Queue:
    """The one queue; serializer and job class are set here and nowhere else."""
    return Queue(QUEUE, connection=connection, serializer=JSONSerializer, job_class=RegisteredJob)


def connect(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=2, socket_timeout=10)


def enqueue(
    session: Session, house: House, name: str, *, tenant_id: int | None, account_id: int = 0, **args: Any
) -> str:
    """Write a job in the caller's transaction; after its commit the queue rings.

    :return: public id of the job
    :raise KeyError: a name nobody registered
    :raise TypeError: arguments that are not JSON
    """
    if name not in house.jobs:
        raise KeyError(f"job {name!r} is not registered")
    return queue_row(session, name, tenant_id=tenant_id, account_id=account_id, args=args)


def queue_row(session: Session, name: str, *, tenant_id: int | None, account_id: int = 0, args: dict[str, Any]) -> str:
    """Write a job of any name: that of a plugin which did not start waits until it has.

    :return: public id of the job; :raise TypeError: arguments that are not JSON
    """
    json.dumps(args)
    at = clock.now()
    row = Job(tenant_id=tenant_id, account_id=account_id, name=name, args=args, queued_at=at, next_at=at)
    session.add(row)
    session.flush()
    session.info.setdefault("ring", set()).add(name)
    return row.public_id


class Bell:
    """Rings the queue after commits. A queue that does not answer costs time, never work: the clock finds the rows."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._redis: Redis | None = None

    def ring(self, name: str) -> None:
        try:
            if self._redis is None:
                self._redis = connect(self.url)
            bell = queue(self._redis)
            if bell.count < RINGS:
                bell.enqueue(name, result_ttl=0, failure_ttl=3600, job_timeout=-1)
        except (RedisError, OSError) as error:
            log.warning("queue does not answer", extra={"error": type(error).__name__})

    def listen(self) -> None:
        """Ring for every session that commits with jobs in it."""
        event.listen(Session, "after_commit", self._committed)
        event.listen(Session, "after_rollback", _forget)

    def _committed(self, session: Session) -> None:
        for name in sorted(session.info.pop("ring", ())):
            self.ring(name)


def _forget(session: Session) -> None:
    session.info.pop("ring", None)


def due(session: Session, known: Collection[str]) -> int:
    """How many jobs wait or were left behind by a worker that went away, 100 at most: somebody must ring."""
    rows = sa.select(Job.id).where(turns.may_run(session, clock.of(session), known)).limit(100)
    return session.scalar(sa.select(sa.func.count()).select_from(rows.subquery())) or 0
