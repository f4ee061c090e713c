"""multipart/related bodies (RFC 2387, PS3.18 8.6.1.2), made piece by piece."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flask import Response


@dataclass(frozen=True)
class Part:
    """``content_type`` with its transfer-syntax parameter; ``location`` is where the part alone can be had."""

    content_type: str
    body: Iterable[bytes]
    location: str = ""


def related(parts: Iterable[Part], media: str) -> Response:
    """Answer with parts, streamed. Viewers search for ``Content-Type:`` spelled so, letter case included."""
    boundary = secrets.token_hex(20)
    response = Response(_pieces(parts, boundary), direct_passthrough=True)
    response.headers["Content-Type"] = f'multipart/related; type="{media}"; boundary={boundary}'
    return response


def _pieces(parts: Iterable[Part], boundary: str) -> Iterator[bytes]:
    lead = ""
    for part in parts:
        head = f"{lead}--{boundary}\r\nContent-Type: {part.content_type}\r\n"
        if part.location:
            head += f"Content-Location: {part.location}\r\n"
        yield f"{head}\r\n".encode("ascii")
        yield from part.body
        lead = "\r\n"
    yield f"{lead}--{boundary}--\r\n".encode("ascii")
