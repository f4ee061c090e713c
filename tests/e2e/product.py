"""The real product as its users start it: `telerad run` with all its processes, on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TELERAD = [sys.executable, "-m", "core.cli"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def demo(data: Path, *words: str) -> None:
    """Make the demo house in a data folder."""
    made = Product(data)
    made.command("demo", *words)
    made.log.close()
    (data / "product.log").unlink()


class Product:
    """Start, ask, stop."""

    def __init__(self, data: Path) -> None:
        self.data, self.port = data, free_port()
        self.env = {**os.environ, "TELERAD_DATA": str(data), "TELERAD_WORKERS": "1", "TELERAD_LIMIT_LOGIN_CALLS": "500"}
        self.log = (data / "product.log").open("wb")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, *args: str) -> str:
        done = subprocess.run([*TELERAD, *args], env=self.env, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*TELERAD, "run", "--port", str(self.port)], env=self.env, stdout=self.log, stderr=self.log
        )
        self.wait_ready()

    def wait_ready(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process is not None and self.process.poll() is None, "the product ended"
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise AssertionError("not ready")

    def children(self) -> dict[int, str]:
        """Live descendants of the supervisor: pid and command line."""
        assert self.process is not None
        found, parents = {}, [self.process.pid]
        while parents:
            parent = parents.pop()
            listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True)
            for line in listed.stdout.splitlines():
                pid, _, command = line.strip().partition(" ")
                if not command.startswith("ps "):
                    found[int(pid)] = command
                    parents.append(int(pid))
        return found

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(40)
        self.log.close()
