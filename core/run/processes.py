"""The parts as processes: web, worker, clock. Each can run alone in production, any number of each."""

from __future__ import annotations

import logging
import signal
from typing import Any

from gunicorn.app.base import BaseApplication
from rq import Worker
from rq.serializers import JSONSerializer

from core import limits
from core.app import create_app
from core.config import Config
from core.host.house import Application
from core.run import migrate, packages
from core.work import clockwork, jobs, runner
from plugin_sdk.db import db

log = logging.getLogger(__name__)


class Web(BaseApplication):  # type: ignore[misc]
    """Gunicorn with threads. The application is made in each worker, after the fork."""

    def __init__(self, config: Config, host: str, port: int) -> None:
        self.house_config, self.address = config, f"{host}:{port}"
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": self.address,
            "workers": self.house_config.workers,
            "threads": self.house_config.threads,
            "worker_class": "gthread",
            "timeout": 120,
            "graceful_timeout": 15,
            "limit_request_line": limits.current().request_line,
            "limit_request_fields": limits.current().header_fields,
            "keepalive": 15,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "worker_tmp_dir": "/dev/shm",
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        app = create_app(self.house_config)
        with app.app_context():
            migrate.leave_out_unmigrated(app.house)
            db.engine.dispose()
        return app


def web(config: Config, *, host: str, port: int) -> None:
    """Serve until SIGTERM.

    :raise packages.Shadowed: our packages are not ours alone; so in the other processes
    """
    packages.refuse()
    Web(config, host, port).run()


def worker(config: Config) -> None:
    """Run jobs until SIGTERM; a job in hand is finished first. Each ring is answered by a child that runs what is due."""
    packages.refuse()
    app = create_app(config)
    house: Application = app.house
    with app.app_context():
        migrate.leave_out_unmigrated(house)
        db.engine.dispose()

    def run() -> None:
        with app.app_context():
            db.engine.dispose(close=False)
            runner.work(house)

    jobs.REGISTERED.update(dict.fromkeys([jobs.ANY, *house.plugins.house.jobs], run))
    connection = jobs.connect(config.redis_url)
    worker = Worker(
        [jobs.queue(connection)], connection=connection, serializer=JSONSerializer, job_class=jobs.RegisteredJob
    )
    worker.max_connection_wait_time = 2.0
    worker.work(logging_level="WARNING")


def clock(config: Config) -> None:
    """Feed work until SIGTERM."""
    packages.refuse()
    app = create_app(config)
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, frame: stopped.append(received))
    with app.app_context():
        migrate.leave_out_unmigrated(app.house)
        clockwork.run(app.house, lambda: bool(stopped))
