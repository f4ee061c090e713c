"""Headers of every route, by hand: what a browser may do with the answer."""

from __future__ import annotations

from collections.abc import Mapping

from tests.contract.matrix import Case
from tests.contract.stage import Stage
from tests.contract.test_matrix import allowed

PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; media-src 'self' blob:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
DATA = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
EVERYWHERE: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
DOOR: Mapping[str, str] = {**EVERYWHERE, "Referrer-Policy": "strict-origin", "X-Robots-Tag": "noindex, nofollow"}
"""Behind the public door: an address with a token travels nowhere, and no search engine keeps a page."""
PROGRAMS = frozenset({"openapi", "health", "dicomweb"})
"""Blueprints that answer programs; all of the API does."""
KEPT: Mapping[str, str] = {
    "requests.capture": "private, max-age=3600",
    "dicomweb": "private, no-cache",
    "viewer.file": "no-cache",
    "work.counts": "private, no-cache",
    "lists.look": "private, no-cache",
}
"""What a browser may keep; everything else is ``no-store``. DICOMweb: bytes with an ETag are asked again each time."""


def kind_of(case: Case) -> str:
    blueprint = case.rule.endpoint.partition(".")[0]
    if blueprint == "viewer":
        return "viewer"
    return "data" if blueprint in PROGRAMS or case.rule.endpoint == "account.alive" or case.rule.rule.startswith("/api/") else "page"


def test_every_routes_headers_are_those_of_the_table(staged: Stage, found: list[Case]) -> None:
    failures, seen = [], {"page": 0, "data": 0, "viewer": 0}
    for case in found:
        if case.rule.endpoint == "account.logout":
            continue
        answer, kind, endpoint = allowed(staged, case), kind_of(case), case.rule.endpoint
        seen[kind] += 1
        wrong = [f"{n}: {answer.headers.get(n)}" for n, value in (DOOR if endpoint.startswith("door.") else EVERYWHERE).items() if answer.headers.get(n) != value]
        policy = answer.headers["Content-Security-Policy"]
        if kind == "page" and policy != (PAGE if answer.mimetype == "text/html" else DATA):
            wrong.append(policy)
        if kind == "data" and policy != DATA:
            wrong.append(policy)
        cache = answer.headers.get("Cache-Control", "")
        usual = KEPT.get(endpoint) or KEPT.get(endpoint.partition(".")[0], "no-store")
        if answer.status_code < 400 and cache not in (usual, "no-store"):
            wrong.append(f"Cache-Control: {cache}")
        if answer.status_code >= 400 and cache != "no-store":
            wrong.append(f"Cache-Control of a refusal: {cache}")
        if answer.mimetype == "application/dicom" and not answer.headers.get("Content-Disposition", "").startswith("attachment"):
            wrong.append("a file that is not attached")
        failures += [f"{case} {answer.status_code}: {line}" for line in wrong]
    assert not failures, "\n".join(failures)
    assert seen["page"] > 50 and seen["data"] > 50 and seen["viewer"] >= 1


def test_the_viewer_alone_may_run_webassembly_and_only_its_decoder_may_use_eval(staged: Stage) -> None:
    client = staged.app.test_client()
    shell = client.get("/viewer/").headers["Content-Security-Policy"]
    assert "'wasm-unsafe-eval'" in shell and "'unsafe-eval'" not in shell.replace("'wasm-unsafe-eval'", "")
    assert "'unsafe-inline'" not in shell.split("script-src")[1].split(";")[0]
    assert shell.split("script-src")[1].split(";")[0].count("'sha256-") == 2
    assert "frame-ancestors 'self'" in shell


def test_static_files_may_be_kept_and_run_nothing_by_themselves(staged: Stage) -> None:
    for path in ("/static/js/app.js", "/static/img/telerad.svg", "/static/css/app.css"):
        answer = staged.app.test_client().get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=3600"), path
        assert answer.headers["Content-Security-Policy"] == DATA
        assert {n: answer.headers[n] for n in EVERYWHERE} == EVERYWHERE


def test_over_tls_a_browser_is_told_to_stay_there(staged: Stage) -> None:
    client = staged.app.test_client()
    assert "Strict-Transport-Security" not in client.get("/login").headers
    secure = client.get("/login", base_url="https://localhost")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "__Host-session=" in secure.headers["Set-Cookie"]
    for word in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert word in secure.headers["Set-Cookie"], word
