"""Names and flags of the cookies that only this site's server reads: ``session``, ``device``, ``remember``, ``guest``.

Over https they carry ``__Host-``; over plain http, meant for loopback, a browser refuses that prefix.
"""

from __future__ import annotations

from datetime import timedelta

from flask import Request, Response


def name_of(request: Request, base: str) -> str:
    return f"__Host-{base}" if request.is_secure else base


def read(request: Request, base: str) -> str:
    return request.cookies.get(name_of(request, base), "")


def read_keys(request: Request, base: str) -> list[str]:
    """Keys that one cookie holds side by side, newest first."""
    return [key for key in read(request, base).split(".") if key]


def give(response: Response, request: Request, base: str, value: str, *, kept: timedelta | None = None) -> None:
    """Set a cookie. :param kept: how long; until the browser closes without it"""
    response.set_cookie(
        name_of(request, base), value, max_age=kept, httponly=True, samesite="Lax", secure=request.is_secure, path="/"
    )


def drop(response: Response, request: Request, base: str) -> None:
    response.delete_cookie(name_of(request, base), path="/", secure=request.is_secure, httponly=True, samesite="Lax")
