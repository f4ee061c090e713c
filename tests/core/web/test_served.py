"""The web server as it is run: two processes, real sockets."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest


@dataclass
class Served:
    port: int
    log: Path

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        line.request("GET", path, headers=headers or {})
        answer = line.getresponse()
        try:
            return answer.status, answer.read().decode()
        finally:
            line.close()

    def raw(self, text: str) -> str:
        """The status line of the answer to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as line:
            line.sendall(text.encode())
            return line.recv(200).decode().partition("\r\n")[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("served")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "TELERAD_DATA": str(data), "TELERAD_METRICS": "figures", "TELERAD_WORKERS": "2", "TELERAD_LOG": "info"}
    assert subprocess.run([sys.executable, "-m", "core.cli", "db", "upgrade"], env=env, check=False, capture_output=True).returncode == 0
    with open(data / "log", "wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "core.cli", "web", "--port", str(port)], env=env, stderr=log, stdout=log)
    made = Served(port, data / "log")
    try:
        for _ in range(300):
            try:
                made.get("/healthz")
                break
            except OSError:
                time.sleep(0.1)
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_figures_of_all_processes_are_one_answer(served: Served) -> None:
    """Each connection may reach another process."""
    for _ in range(40):
        assert served.get("/login")[0] == 200
    assert served.get(f"/t/HNOBODY/studies?name={quote('张三')}")[0] == 303
    status, text = served.get("/metrics", {"Authorization": "Bearer figures"})
    assert status == 200
    assert count(text, r'telerad_requests_total\{method="GET",route="/login",status="200"\}') == 40
    assert count(text, r'telerad_requests_total\{method="GET",route="/t/<tenant:tenant>/studies",status="303"\}') == 1
    assert count(text, r'telerad_request_seconds_count\{route="/login"\}') == 40
    assert count(text, r'telerad_up\{part="queue"\}') == 0
    assert "张三" not in text and quote("张三") not in text and "HNOBODY" not in text


def count(text: str, pattern: str) -> float:
    found = re.search(pattern + r" ([0-9.e+]+)", text)
    assert found, (pattern, text[:2000])
    return float(found.group(1))


def test_each_answer_is_one_line_without_address_or_query(served: Served) -> None:
    served.get("/t/HNOBODY/studies/06B3ZK8Q4T7XW2M9V5N1R0C8YD?name=LOGCANARY", {"X-Request-Id": "from-a-proxy-1"})
    time.sleep(0.2)
    lines = [json.loads(line) for line in served.log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("request_id") == "from-a-proxy-1"]
    assert [(m["message"], m["method"], m["route"], m["status"]) for m in mine] == [
        ("answered", "GET", "/t/<tenant:tenant>/studies/<study:id>", 303)]
    assert isinstance(mine[0]["ms"], int)
    text = served.log.read_text(encoding="utf-8")
    assert "LOGCANARY" not in text and "HNOBODY" not in text


@pytest.mark.parametrize(("fields", "status"), [(100, "200"), (101, "431")])
def test_a_request_has_only_so_many_header_fields(served: Served, fields: int, status: str) -> None:
    more = "".join(f"X-{n}: 1\r\n" for n in range(fields - 2))
    assert served.raw(f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n").split(" ")[1] == status


@pytest.mark.parametrize(("length", "status"), [(8190, "200"), (8191, "414")])
def test_a_request_line_has_only_so_many_characters(served: Served, length: int, status: str) -> None:
    line = "GET /healthz?{} HTTP/1.1"
    line = line.format("x" * (length - len(line) + 2))
    assert len(line) == length
    assert served.raw(f"{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n").split(" ")[1] == status
