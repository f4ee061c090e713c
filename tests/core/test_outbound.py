"""The one way out: what it refuses to call, and what it takes back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core import outbound
from core.outbound import AddressRefused, NotFetched, fetch
from tests.conftest import World


class Listener(BaseHTTPRequestHandler):
    asked: list[tuple[str, str, bytes]] = []

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, b""))
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1/")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("X-Kind", "test")
        self.end_headers()
        self.wfile.write(b"x" * (outbound.MOST + 1) if self.path == "/long" else b"hello")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.command, self.headers["X-Signature"], body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[int]:
    Listener.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "https://10.1.2.3/", "https://192.168.0.1/", "https://169.254.169.254/latest",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://2130706433/", "https://0x7f.1/", "https://0.0.0.0/",
        "https://100.64.0.1/", "https://224.0.0.1/", "https://[fe80::1]/", "https://[2002:7f00:1::]/", "https://localhost:{port}/",
        "http://93.184.216.34/", "ftp://93.184.216.34/", "file:///etc/passwd", "https://user:pass@93.184.216.34/", "https:///x", "",
    ],
)
def test_private_addresses_other_schemes_and_credentials_are_refused_and_nobody_is_called(listener: int, url: str) -> None:
    with pytest.raises(AddressRefused):
        fetch(url.format(port=listener))
    assert Listener.asked == []


def test_a_name_that_answers_once_public_and_once_private_is_refused(monkeypatch: pytest.MonkeyPatch, listener: int) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, listener)) for a in ("93.184.216.34", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: both)
    with pytest.raises(AddressRefused):
        fetch(f"https://rebinding.example:{listener}/")
    assert Listener.asked == []


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch, listener: int) -> None:
    answers = iter(["127.0.0.1"])
    real = socket.getaddrinfo

    def once(host: Any, port: Any, *a: Any, **k: Any) -> Any:
        if host == "moving.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]
        return real(host, port, *a, **k)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    got = fetch(f"http://moving.example:{listener}/x?y=1", allow=frozenset({"moving.example"}))
    assert (got.status, got.headers["x-kind"], got.body) == (200, "test", b"hello")
    assert Listener.asked == [("GET", "/x?y=1", b"")]


def test_the_operators_list_names_hosts_or_hosts_with_ports(listener: int) -> None:
    url = f"http://127.0.0.1:{listener}/"
    assert fetch(url, allow=frozenset({f"127.0.0.1:{listener}"})).status == 200
    with pytest.raises(AddressRefused):
        fetch(url, allow=frozenset({f"127.0.0.1:{listener + 1}"}))


def test_a_redirect_is_an_answer_not_an_order(listener: int) -> None:
    got = fetch(f"http://127.0.0.1:{listener}/away", allow=frozenset({"127.0.0.1"}))
    assert (got.status, len(Listener.asked)) == (302, 1)


def test_an_answer_of_more_than_1_mb_is_not_taken(listener: int) -> None:
    with pytest.raises(NotFetched):
        fetch(f"http://127.0.0.1:{listener}/long", allow=frozenset({"127.0.0.1"}))


def test_a_house_that_does_not_answer_is_said_to_be_silent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(NotFetched):
        fetch(f"http://127.0.0.1:{port}/", allow=frozenset({"127.0.0.1"}))


def test_a_ctx_that_has_begun_to_write_does_not_call_out(house: Any, world: World) -> None:
    with house.system_ctx(world.hospital.id) as ctx:
        ctx.audit("login.ok", ref="accounts:account:x")
        ctx.db.flush()
        with pytest.raises(RuntimeError, match="inside a write transaction"):
            ctx.fetch("https://93.184.216.34/")
