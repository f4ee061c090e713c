"""A receiver as a customer would run it: a real server on loopback that checks, remembers and answers."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from telerad_example_signed_webhooks.signature import NotGenuine, check


@dataclass
class Receiver:
    """:ivar answers: statuses of the next requests, then 200; :ivar tries: what came and was genuine
    :ivar taken: bodies by id, each acted on once
    """

    secret: str
    answers: list[int] = field(default_factory=list)
    tries: list[tuple[str, bytes, str]] = field(default_factory=list)
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    ahead: float = 0.0

    def __enter__(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver.answer({k.lower(): v for k, v in self.headers.items()}, body))
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?of=us"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, headers: dict[str, str], body: bytes) -> int:
        try:
            delivery = check(self.secret, headers, body, now=time.time() + self.ahead)
        except NotGenuine as error:
            self.refused.append(str(error))
            return 401
        self.tries.append((delivery, body, headers["telerad-timestamp"]))
        if self.answers:
            return self.answers.pop(0)
        self.taken.setdefault(delivery, json.loads(body))
        return 200
