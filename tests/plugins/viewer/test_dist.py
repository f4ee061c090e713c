"""Files below /viewer/: policies, caching, compression, and what does not exist."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask, Response, request
from werkzeug.test import TestResponse

from plugins.viewer import config, dist

Get = Callable[..., TestResponse]
PAGE_POLICY = {
    "default-src": "'none'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "frame-src": "'self'",
    "media-src": "'self' blob:",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'self'",
    # what the viewer has beyond a page
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "manifest-src": "'self'",
}
DECODER_POLICY = "default-src 'none'; script-src 'self' 'unsafe-eval'; connect-src 'self' data: blob:"
DECODER = "8097.bundle.8ae6404ba94890a0.js"
APP = "app.bundle.0f6159c501addfe9.js"

built = pytest.mark.skipif(
    not (dist.OHIF / "index.html").is_file(), reason="the viewer's files are not built: run `make assets`"
)


@pytest.fixture(scope="module")
def ohif() -> dist.Dist:
    return dist.load()


@pytest.fixture
def get(ohif: dist.Dist) -> Get:
    app = Flask(__name__)

    @app.get("/viewer/", defaults={"path": ""})
    @app.get("/viewer/<path:path>")
    def serve(path: str) -> Response:
        if path == "app-config.js":
            return ohif.send_script(path, config.app_config_js())
        return ohif.send(path, gzip_ok=request.accept_encodings.quality("gzip") > 0)

    def get(path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return app.test_client().get(f"/viewer/{path}", headers=named, buffered=True)

    return get


def directives(policy: str) -> dict[str, str]:
    split = (part.partition(" ") for part in policy.split("; "))
    return {name: sources for name, _, sources in split}


@pytest.fixture
def make_dist(tmp_path: Path) -> Path:
    """A folder with the least that makes a dist: two inline scripts, one decoder, one other worker."""
    worker = '__webpack_require__.p = "/viewer/";'
    (tmp_path / "index.html").write_text("<script>one()</script><script src='x.js'></script><script>two()</script>")
    (tmp_path / "1.bundle.0123456789abcdef.js").write_text(worker + "createNamedFunction()")
    (tmp_path / "2.bundle.0123456789abcdef.js").write_text(worker)
    (tmp_path / "3.bundle.0123456789abcdef.js").write_text("createNamedFunction() // no worker")
    (tmp_path / "app.bundle.0123456789abcdef.js").write_text(worker + "createNamedFunction()")
    return tmp_path


def test_the_decoder_is_the_worker_with_the_webassembly_glue(make_dist: Path) -> None:
    assert dist.load(make_dist).decoder == "1.bundle.0123456789abcdef.js"


def test_two_decoders_stop_the_start(make_dist: Path) -> None:
    (make_dist / "4.bundle.0123456789abcdef.js").write_text('__webpack_require__.p = "/viewer/";createNamedFunction()')
    with pytest.raises(dist.UnusableDist, match="2 decoder workers"):
        dist.load(make_dist)


def test_no_decoder_stops_the_start(make_dist: Path) -> None:
    (make_dist / "1.bundle.0123456789abcdef.js").unlink()
    with pytest.raises(dist.UnusableDist, match="0 decoder workers"):
        dist.load(make_dist)


def test_a_third_inline_script_stops_the_start(make_dist: Path) -> None:
    index = make_dist / "index.html"
    index.write_text(index.read_text() + "<script>three()</script>")
    with pytest.raises(dist.UnusableDist, match="3 inline scripts"):
        dist.load(make_dist)


def test_a_missing_dist_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(dist.UnusableDist, match="make assets"):
        dist.load(tmp_path)


def test_the_policy_names_the_hashes_of_the_inline_scripts_only(make_dist: Path) -> None:
    # printf 'one()' | openssl dgst -sha256 -binary | base64
    assert directives(dist.load(make_dist).policy)["script-src"] == (
        "'self' 'wasm-unsafe-eval' "
        "'sha256-HR7iaask9daLMRRskMI++QeJtjWDOjyPA6lGzYGzKW4=' "
        "'sha256-iMrPAWirDC2X0OhZzLsM2MRIWSmepJGI4r7D8ZlwBOw='"
    )


@built
@pytest.mark.parametrize("path", ["", "viewer", "index.html", "app-config.js", "ext/telerad.mjs", APP, "manifest.json"])
def test_every_file_but_the_decoder_carries_the_viewer_policy(get: Get, path: str) -> None:
    found = directives(get(path).headers["Content-Security-Policy"])
    scripts = found.pop("script-src").split(" ")
    assert found == PAGE_POLICY
    assert scripts[:2] == ["'self'", "'wasm-unsafe-eval'"]
    assert [script[:8] for script in scripts[2:]] == ["'sha256-", "'sha256-"]


@built
def test_the_decoder_alone_may_use_eval(get: Get, ohif: dist.Dist) -> None:
    assert get(DECODER).headers["Content-Security-Policy"] == DECODER_POLICY
    assert [
        name for name in ohif.files if "unsafe-eval'" in ohif.policy_for(name).replace("wasm-unsafe-eval'", "")
    ] == [DECODER]


@built
def test_the_policy_covers_both_inline_scripts_of_the_shell_as_sent(get: Get) -> None:
    shell = get("viewer")
    scripts = re.findall(r"<script>(.*?)</script>", shell.text, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in shell.headers["Content-Security-Policy"]


@built
@pytest.mark.parametrize(
    "path", ["", "viewer", "viewer/dicomweb", "viewer/1.2.840.113619.2.55", "1.2.3/4.5.6", "segmentation"]
)
def test_a_page_of_the_viewer_is_the_shell_even_where_uids_have_dots(get: Get, path: str) -> None:
    answer = get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert '<div id="root"></div>' in answer.text


@built
@pytest.mark.parametrize(
    "path",
    [
        "missing.js",
        "9999.bundle.0123456789abcdef.js",
        "assets/missing.png",
        "sw.js",
        "google.js",
        "silent-refresh.html",
        "ort/ort.min.js",
        "ext/other.mjs",
        f"{APP}.gz",
        f"{APP}.map",
        "..%2Fplugin.py",
        "ext/..%2F..%2Fplugin.py",
    ],
)
def test_a_file_that_is_not_there_is_404_and_never_the_shell(get: Get, path: str) -> None:
    assert get(path).status_code == 404


@built
@pytest.mark.parametrize(
    ("path", "mimetype"),
    [
        (APP, "text/javascript"),
        ("ext/telerad.mjs", "text/javascript"),
        ("app-config.js", "text/javascript"),
        ("app.bundle.css", "text/css"),
        ("5130ccb17e3f3f5b.wasm", "application/wasm"),
        ("a34f9d1faa5f3315.woff2", "font/woff2"),
        ("manifest.json", "application/json"),
        ("assets/favicon.ico", "image/vnd.microsoft.icon"),
    ],
)
def test_each_kind_of_file_has_its_type(get: Get, path: str, mimetype: str) -> None:
    answer = get(path)
    assert (answer.status_code, answer.mimetype) == (200, mimetype)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@built
@pytest.mark.parametrize("path", [APP, DECODER, "5130ccb17e3f3f5b.wasm", "a34f9d1faa5f3315.woff2"])
def test_a_name_with_a_hash_may_be_kept_for_ever(get: Get, path: str) -> None:
    assert get(path).headers["Cache-Control"] == "public, max-age=31536000, immutable"


@built
@pytest.mark.parametrize("path", ["", "viewer", "app-config.js", "ext/telerad.mjs", "app.bundle.css", "manifest.json"])
def test_what_changes_under_its_name_is_asked_for_again(get: Get, path: str) -> None:
    answer = get(path)
    assert answer.headers["Cache-Control"] == "no-cache"
    again = get(path, If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Content-Security-Policy"] == answer.headers["Content-Security-Policy"]


@built
def test_gzip_is_sent_to_whom_takes_it_and_holds_the_same_bytes(get: Get) -> None:
    plain = get(APP)
    packed = get(APP, Accept_Encoding="gzip, br")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 4
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert packed.mimetype == "text/javascript"


@built
def test_the_dist_asks_for_nothing_outside_its_prefix(ohif: dist.Dist) -> None:
    shell = (ohif.root / "index.html").read_text("utf-8")
    assert re.findall(r'(?:src|href|content)="/(?!viewer/)[^"]*"', shell) == []
    assert "service-worker" not in shell
    bundles = sorted(ohif.root.glob("*.bundle.*.js"))
    assert sum('__webpack_require__.p = "/viewer/"' in path.read_text("utf-8") for path in bundles) == 8
    assert sum('__webpack_require__.p = "/"' in path.read_text("utf-8") for path in bundles) == 0


def test_the_configuration_says_everything_in_chinese_and_reads_the_opening_from_the_address() -> None:
    script = config.app_config_js()
    assert script.startswith('window.telerad = {"language": "zh", "texts": {')
    assert "\\u5173\\u952e\\u56fe\\u50cf" in script  # 关键图像
    assert "/^[0-9A-Z]{26}$/.test(access)" in script
    assert "/g/${access}/dicom-web" in script
    assert "/t/${tenant}/dicom-web" in script


def test_every_text_of_the_extension_is_supplied() -> None:
    used: set[str] = set()
    for name in ("telerad.mjs", "app-config.js"):
        source = (dist.HERE / "extension" / name).read_text("utf-8")
        used.update(re.findall(r"\btexts\.(\w+)", source))
    assert used == set(config.texts())
