"""Headers of every answer. A view that needs another policy sets its own; nothing loosens this one."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, request

from core.web.gate import wants_json

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; media-src 'self' blob:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
DATA_POLICY = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
"""What programs read, and files: nothing in it may run or load, should somebody open it as a page."""


def install(app: Flask) -> None:
    @app.after_request
    def lead_on(response: Response) -> Response:
        """A script's request that leads elsewhere moves the whole page: fetch would follow the redirect into a part.

        A form in a dialog always does; a form in a list only when it leads to another page than the list's own.
        """
        if response.status_code != 303 or "HX-Request" not in request.headers:
            return response
        here, there = urlsplit(request.headers.get("HX-Current-URL", "")).path, urlsplit(response.headers["Location"]).path
        if request.headers.get("HX-Target") != "dialog#dialog" and here == there:
            return response
        moved = Response(status=200, headers={"HX-Redirect": response.headers["Location"]})
        for cookie in response.headers.getlist("Set-Cookie"):
            moved.headers.add("Set-Cookie", cookie)
        return moved

    @app.after_request
    def harden(response: Response) -> Response:
        headers = response.headers
        page = response.mimetype == "text/html" and not wants_json()
        headers.setdefault("Content-Security-Policy", PAGE_POLICY if page else DATA_POLICY)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("X-Frame-Options", "SAMEORIGIN")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        if request.endpoint == "static":
            headers["Cache-Control"] = "public, max-age=3600"
        else:
            headers.setdefault("Cache-Control", "no-store")
        if request.is_secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response
