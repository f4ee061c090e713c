"""Figures for a monitor, as Prometheus reads them. Off unless ``TELERAD_METRICS`` names the bearer that may ask.

What happens is counted where it happens, in files of the data folder that all processes write and one answer sums. What
is, is asked when somebody looks. Labels are routes, words and plugins' names: never a tenant, an id or a person.
"""

from __future__ import annotations

import hmac
import logging
import os
import time
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, g, request
from redis.exceptions import RedisError

from core.config import Config
from core.store.models import Blob
from core.tenancy.sessions import all_tenants
from core.work import jobs
from core.work.models import CoreTimer, Delivery, Job
from plugin_sdk.errors import NotFound, Unauthenticated
from plugin_sdk.web import answers, passive, public

if TYPE_CHECKING:
    from core.host.house import Application

bp = Blueprint("metrics", __name__)
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STORED_FOR = 300.0


def prepare(config: Config) -> None:
    """Before a process serves: name the folder where all processes of this house count. Dead processes' counts stay."""
    if config.metrics and FOLDER not in os.environ:
        folder = config.data / "metrics"
        folder.mkdir(mode=0o700, exist_ok=True)
        os.environ[FOLDER] = str(folder)


class Meters:
    """Counters of this process."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = CollectorRegistry()
        self.requests = Counter("telerad_requests", "Answers", ["method", "route", "status"], registry=self.registry)
        self.seconds = Histogram(
            "telerad_request_seconds", "Time until an answer begins", ["route"], buckets=BUCKETS, registry=self.registry)
        self.records = Counter("telerad_log_records", "Warnings and errors, by sentence", ["level", "message"], registry=self.registry)
        self.hooks = Counter("telerad_hook_errors", "Plugins that raised", ["plugin", "hook"], registry=self.registry)


@cache
def meters() -> Meters:
    return Meters()


class Counting(logging.Handler):
    """Counts what is logged as a warning or worse: our sentences are constant, so they can be labels."""

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("core", "plugins", "plugin_sdk")) or not isinstance(record.msg, str):
            return
        meters().records.labels(record.levelname.lower(), record.msg).inc()
        if record.msg == "hook failed":
            meters().hooks.labels(getattr(record, "plugin", ""), getattr(record, "hook", "")).inc()


def count_logs(config: Config) -> None:
    """Count this process's warnings, in whatever part it is. Safe to call again."""
    root = logging.getLogger()
    if config.metrics and not any(isinstance(h, Counting) for h in root.handlers):
        root.addHandler(Counting(logging.WARNING))


def install(app: Flask, house: Application) -> None:
    """Count every answer of this application, if anybody may ask for the figures."""
    if not house.config.metrics:
        return
    count_logs(house.config)

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        meters().requests.labels(request.method, route, str(response.status_code)).inc()
        meters().seconds.labels(route).observe(time.perf_counter() - g.get("began", time.perf_counter()))
        return response


@bp.get("/metrics")
@public
@passive
@answers(None, media="text/plain")
def show() -> Response:
    """:raise NotFound: metrics are off; :raise Unauthenticated: the bearer is another one"""
    wanted = g.house.config.metrics
    if not wanted:
        raise NotFound
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {wanted}".encode()):
        raise Unauthenticated
    from prometheus_client import CONTENT_TYPE_LATEST

    return Response(exposition(g.house), content_type=CONTENT_TYPE_LATEST)


def exposition(house: Application) -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    counted = meters().registry
    if os.environ.get(FOLDER):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    states = CollectorRegistry()
    states.register(State(house))
    return bytes(generate_latest(counted) + generate_latest(states))


class State:
    """What is, at the time of asking."""

    def __init__(self, house: Application) -> None:
        self.house = house

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        def gauge(name: str, about: str, label: str, values: dict[str, float]) -> Any:
            family = GaugeMetricFamily(f"telerad_{name}", about, labels=[label] if label else [])
            for word, value in values.items():
                family.add_metric([word] if label else [], value)
            return family

        plugins = self.house.plugins
        yield gauge("plugins", "Plugins by state", "state", _tally(plugins.state(n) for n in {*plugins.found, *plugins.broken}))
        with all_tenants() as db:
            yield gauge("jobs", "Jobs that are not done", "state", _states(db, Job.state, Job.state != "done", "queued running failed"))
            yield gauge("deliveries", "Events that a listener has not taken yet", "state",
                        _states(db, Delivery.state, Delivery.state != "done", "waiting leased parked"))
            yield gauge("timers", "Timers that wait", "", {"": _states(db, CoreTimer.state, CoreTimer.state == "waiting", "waiting")["waiting"]})
        length = _queue(self.house)
        yield gauge("up", "Whether a part answers", "part", {"queue": float(length is not None)})
        yield gauge("queue_length", "Bells that no worker has heard yet", "", {} if length is None else {"": length})
        free, total = self.house.disk.free()
        yield gauge("storage_bytes", "The disk of the store", "kind", {"free": free, "total": total, "stored": _stored(int(time.monotonic() // STORED_FOR))})


def _tally(words: Iterator[str]) -> dict[str, float]:
    found: dict[str, float] = {"ready": 0, "broken": 0}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return found


def _states(db: Any, column: Any, where: Any, words: str) -> dict[str, float]:
    found: dict[str, float] = dict.fromkeys(words.split(), 0)
    return found | {str(s): n for s, n in db.execute(sa.select(column, sa.func.count()).where(where).group_by(column))}


@cache
def _stored(window: int) -> float:
    """Bytes of all objects; every row is read, so asked once in ``STORED_FOR`` seconds."""
    _stored.cache_clear()
    with all_tenants() as db:
        return float(db.scalar(sa.select(sa.func.coalesce(sa.func.sum(Blob.size), 0))) or 0)


def _queue(house: Application) -> float | None:
    try:
        return float(jobs.queue(jobs.connect(house.config.redis_url)).count)
    except (RedisError, OSError):
        return None
