"""The poll for notices of 200 open browsers, and how many the server could bear, beside `/healthz` in the same run.

A real gunicorn over SQLite; each browser has a session, 5,000 notices behind it and its last ETag.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

from core import clock, config
from core.accounts.actions import by_phone
from core.app import create_app
from core.demo import seed
from core.run import migrate
from core.tenancy.sessions import all_tenants
from core.work.models import Notice
from plugin_sdk.db import db as flask_db

BROWSERS, INTERVAL, SECONDS = 200, 15.0, 20.0
NOTICES = 5_000
POLL, PEER = "/t/HDEMO/notices/counts", "/healthz"
Spent = dict[str, list[float]]


def furnish(data: Path) -> None:
    app = create_app(config.load({}, data=data))
    with app.app_context():
        migrate.upgrade(app.house)
        list(seed.seed(app.house, studies=False))
        tenant, at = app.house.tenant_by_code("HDEMO"), clock.now()
        assert tenant is not None
        with all_tenants(write=True) as db:
            account = by_phone(db, "13800000002")
            assert account is not None
            db.add_all(
                Notice(tenant_id=tenant.id, account_id=account.id, kind="upload.done", ref=f"studies:study:{n}", at=at,
                       read_at=at if n >= 12 else None)
                for n in range(NOTICES)
            )
        flask_db.engine.dispose()


def login(port: int) -> str:
    """:return: the cookie of a session"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/login")
    answer = connection.getresponse()
    page, cookie = answer.read().decode(), (answer.headers["Set-Cookie"] or "").partition(";")[0]
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    body = urllib.parse.urlencode({"phone": "13800000002", "password": seed.PASSWORD, "csrf_token": token[1]})
    connection.request("POST", "/login", body, {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 303, answer.status
    return (answer.headers["Set-Cookie"] or cookie).partition(";")[0]


def ask(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> tuple[float, int, str]:
    started = time.perf_counter()
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return time.perf_counter() - started, answer.status, answer.headers.get("ETag", "")


def browsers(port: int, cookie: str) -> tuple[Spent, dict[int, int]]:
    """200 browsers, each its own pace; every fourth request asks the peer instead."""
    spent: Spent = {POLL: [], PEER: []}
    statuses: dict[int, int] = {}
    lock, end = threading.Lock(), time.monotonic() + SECONDS

    def one(number: int) -> None:
        tag, path = "", PEER if number % 4 == 0 else POLL
        time.sleep(number / BROWSERS * INTERVAL)
        while time.monotonic() < end:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            took, status, tag = ask(connection, path, {"Cookie": cookie, **({"If-None-Match": tag} if tag else {})})
            connection.close()
            with lock:
                spent[path].append(took)
                statuses[status] = statuses.get(status, 0) + 1
            time.sleep(INTERVAL)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(BROWSERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return spent, statuses


def most(port: int, path: str, cookie: str, seconds: float = 5.0) -> tuple[float, float]:
    """Four clients that never pause. :return: requests a second, and the 95th percentile in ms"""
    spent: list[float] = []
    end = time.monotonic() + seconds

    def one() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        tag = ""
        while time.monotonic() < end:
            took, _, tag = ask(connection, path, {"Cookie": cookie, **({"If-None-Match": tag} if tag else {})})
            spent.append(took)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(spent) / seconds, p95(spent)


def p95(spent: list[float]) -> float:
    return 1000 * statistics.quantiles(spent, n=20)[-1]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        furnish(data)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        server = subprocess.Popen(
            [sys.executable, "-m", "core.cli", "web", "--port", str(port)],
            env={**os.environ, "TELERAD_DATA": str(data), "TELERAD_LOG": "error"},
        )
        try:
            wait(port)
            cookie = login(port)
            spent, statuses = browsers(port, cookie)
            said = ", ".join(f"{n} x {status}" for status, n in sorted(statuses.items()))
            print(f"{BROWSERS} browsers every {INTERVAL:.0f} s          p95 {p95(spent[POLL]):.0f} ms, /healthz {p95(spent[PEER]):.0f} ms; {said}")
            ours, peer = most(port, POLL, cookie), most(port, PEER, cookie)
            print(f"{'poll for notices, at most':<34} {ours[0]:.0f}/s, p95 {ours[1]:.0f} ms".ljust(62),
                  f"ratio to peer {peer[0] / ours[0]:6.2f} (/healthz {peer[0]:.0f}/s, p95 {peer[1]:.0f} ms)")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def wait(port: int) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        try:
            if ask(http.client.HTTPConnection("127.0.0.1", port, timeout=5), PEER, {})[1] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("web does not answer")


if __name__ == "__main__":
    main()
