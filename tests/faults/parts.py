"""The product's processes one by one, as production runs them, and as `telerad run` does; started again when they end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.run.supervisor import valkey_command, wait_for_valkey
from tests.e2e.product import TELERAD, free_port


@dataclass
class Part:
    """One process that is started again when it ends. ``extra`` goes into the environment of its next start only."""

    name: str
    command: list[str]
    extra: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None


class House:
    """Parts over one data folder and one database."""

    def __init__(self, data: Path, *, database: str = "", webs: int = 1, workers: int = 1, clocks: int = 1) -> None:
        self.data = data
        self.ports = [free_port() for _ in range(webs)]
        self.env = {**os.environ, "TELERAD_DATA": str(data), "TELERAD_WORKERS": "1", "TELERAD_LOG": "warning"}
        self.env.pop("TELERAD_FAULT", None)
        if database:
            self.env["TELERAD_DATABASE_URL"] = database
        self.log = (data / "parts.log").open("ab")
        self.parts = [Part("valkey", valkey_command(data))]
        self.parts += [Part(f"web{n}", [*TELERAD, "web", "--port", str(port)]) for n, port in enumerate(self.ports)]
        self.parts += [Part(f"worker{n}", [*TELERAD, "worker"]) for n in range(workers)]
        self.parts += [Part(f"clock{n}", [*TELERAD, "clock"]) for n in range(clocks)]
        self.stopping = threading.Event()
        self.watcher = threading.Thread(target=self._watch, daemon=True)

    def part(self, name: str) -> Part:
        return next(p for p in self.parts if p.name == name)

    def start(self) -> None:
        for part in self.parts:
            self._start(part)
            if part.name == "valkey":
                wait_for_valkey(f"unix://{self.data}/valkey.sock")
        self.watcher.start()
        for port in self.ports:
            assert answers(port, 90), "web does not answer"

    def _start(self, part: Part) -> None:
        env: Mapping[str, str] = {**self.env, **part.extra}
        part.extra = {}
        part.process = subprocess.Popen(part.command, env=env, stdout=self.log, stderr=self.log)

    def _watch(self) -> None:
        while not self.stopping.wait(0.1):
            for part in self.parts:
                if part.process is not None and part.process.poll() is not None and not self.stopping.is_set():
                    self._start(part)

    def pids(self, name: str) -> list[int]:
        """A part's process and its descendants."""
        process = self.part(name).process
        return [] if process is None else [process.pid, *descendants(process.pid)]

    def stop(self) -> None:
        self.stopping.set()
        if self.watcher.is_alive():
            self.watcher.join()
        for part in reversed(self.parts):
            if part.process is not None and part.process.poll() is None:
                children = descendants(part.process.pid)
                part.process.terminate()
                try:
                    part.process.wait(15)
                except subprocess.TimeoutExpired:
                    part.process.kill()
                    part.process.wait()
                for pid in children:
                    kill(pid)
        self.log.close()


def descendants(pid: int) -> list[int]:
    found, parents = [], [pid]
    while parents:
        parent = parents.pop()
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True)
        children = [int(line) for line in listed.stdout.split()]
        found += children
        parents += children
    return found


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def answers(port: int, seconds: float) -> bool:
    """Whether a web process answers within a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except OSError:
            time.sleep(0.05)
    return False
