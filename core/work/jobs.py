"""Jobs: a row is the record, the queue rings. A job may run twice and must not mind.

RQ carries the job's registered name and the row's id and nothing else; a name that is not registered is refused by the
worker, so that whoever can write to the queue still cannot call a function.
"""

from __future__ import annotations

import json
import logging
from datetime import timedelta
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
from core.work.models import Job

log = logging.getLogger(__name__)
QUEUE = "telerad"
TRIES = 5
LEASE = timedelta(minutes=10)
REGISTERED: dict[str, Any] = {}


class JobRefused(RuntimeError):
    """The queue held a job whose name nobody registered."""


class RegisteredJob(RqJob):
    """An RQ job that can only be one of ours."""

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
    json.dumps(args)
    at = clock.now()
    row = Job(tenant_id=tenant_id, account_id=account_id, name=name, args=args, queued_at=at, next_at=at)
    session.add(row)
    session.flush()
    session.info.setdefault("ring", []).append((name, row.id))
    return row.public_id


class Bell:
    """Rings the queue after commits. A queue that does not answer costs time, never work: the clock finds the rows."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._redis: Redis | None = None

    def ring(self, name: str, row_id: int) -> None:
        try:
            if self._redis is None:
                self._redis = connect(self.url)
            queue(self._redis).enqueue(name, row_id, result_ttl=0, failure_ttl=3600, job_timeout=3600)
        except (RedisError, OSError) as error:
            log.warning("queue does not answer", extra={"error": type(error).__name__})

    def listen(self) -> None:
        """Ring for every session that commits with jobs in it."""
        event.listen(Session, "after_commit", self._committed)
        event.listen(Session, "after_rollback", _forget)

    def _committed(self, session: Session) -> None:
        for name, row_id in session.info.pop("ring", ()):
            self.ring(name, row_id)


def _forget(session: Session) -> None:
    session.info.pop("ring", None)


def due(session: Session, limit: int = 200) -> list[tuple[str, int]]:
    """Jobs that wait without having been rung for, or whose worker went away: ring again."""
    at = clock.now()
    rows = session.execute(
        sa.select(Job.name, Job.id)
        .where(
            sa.or_(
                sa.and_(Job.state == "queued", Job.next_at <= at - timedelta(seconds=5)),
                sa.and_(Job.state == "running", Job.lease_until < at),
            )
        )
        .order_by(Job.next_at)
        .limit(limit)
    )
    return [(name, row_id) for name, row_id in rows]
