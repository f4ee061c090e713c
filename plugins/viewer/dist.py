"""The viewer's files below /viewer/: which exist, under which policy and cache rule each is answered."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from flask import Response, request, send_file
from werkzeug.exceptions import NotFound

HERE = Path(__file__).parent
OHIF = HERE / "ohif"
INDEX = "index.html"
# addresses below ext/ and the files of ours behind them
EXTENSION = {"ext/telerad.mjs": HERE / "extension" / "telerad.mjs"}

MIME = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".jsonc": "application/json",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
# the content's hash is part of the name: 1234.bundle.<hash>.js, <hash>.wasm, <hash>.woff2
HASHED = re.compile(r"(^|\.)[0-9a-f]{16}\.(js|wasm|woff2)$")
FOR_EVER = "public, max-age=31536000, immutable"
# an ending starts with a letter; the parts of a UID are numbers
HAS_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]*$")

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' {hashes}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; frame-src 'self'; "
    "media-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'self'; "
    "worker-src 'self' blob:; manifest-src 'self'"
)
# A worker obeys the header of its own file. The WebAssembly glue of the decoder calls `new Function`: without eval no
# compressed image is drawn. The document stays without.
DECODER_POLICY = "default-src 'none'; script-src 'self' 'unsafe-eval'; connect-src 'self' data: blob:"


class UnusableDist(RuntimeError):
    """The viewer's files are missing or not the ones this module knows; the sentence says what to do."""


def script_hashes(index: bytes) -> list[str]:
    """Hash the inline scripts as a policy names them. :raise UnusableDist: they are not two"""
    scripts = re.findall(rb"<script>(.*?)</script>", index, re.DOTALL)
    if len(scripts) != 2:
        raise UnusableDist(f"index.html of the viewer has {len(scripts)} inline scripts, expected 2")
    return [f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts]


def find_decoder(root: Path) -> str:
    """Name the worker that decodes compressed images. :raise UnusableDist: there is not exactly one

    A worker carries its own public path; only the decoder also holds the WebAssembly glue.
    """
    found = []
    for path in sorted(root.glob("*.bundle.*.js")):
        text = path.read_bytes()
        if not path.name.startswith("app.") and b"__webpack_require__.p = " in text and b"createNamedFunction" in text:
            found.append(path.name)
    if len(found) != 1:
        raise UnusableDist(f"the viewer has {len(found)} decoder workers ({', '.join(found)}), expected 1")
    return found[0]


@dataclass(frozen=True)
class Dist:
    """The files as they were at start. Names are paths below /viewer/; a name that is not in `files` opens nothing."""

    root: Path
    files: dict[str, Path]
    decoder: str
    policy: str

    def resolve(self, filename: str) -> str:
        """Name the file that answers an address: itself, or the shell for a page of the viewer.

        :raise NotFound: a file that does not exist
        """
        if filename in self.files:
            return filename
        if HAS_ENDING.search(filename.rpartition("/")[2]):
            raise NotFound
        return INDEX

    def policy_for(self, filename: str) -> str:
        """Give the Content-Security-Policy of an address below /viewer/."""
        return DECODER_POLICY if filename == self.decoder else self.policy

    def send(self, filename: str, *, gzip_ok: bool) -> Response:
        """Answer an address below /viewer/ within a request.

        :param gzip_ok: the client takes gzip
        :raise NotFound: a file that does not exist; the pages of the viewer itself are answered with the shell
        """
        name = self.resolve(filename)
        path = self.files[name]
        packed = path.with_name(path.name + ".gz")
        has_packed = packed.is_file()
        response = send_file(packed if gzip_ok and has_packed else path, mimetype=MIME[path.suffix], conditional=True)
        if gzip_ok and has_packed:
            response.headers["Content-Encoding"] = "gzip"
        if has_packed:
            response.vary.add("Accept-Encoding")
        response.headers["Cache-Control"] = FOR_EVER if HASHED.search(name) else "no-cache"
        return self._guard(name, response)

    def send_script(self, filename: str, text: str) -> Response:
        """Answer with a script that was written for this request, as app-config.js is."""
        response = Response(text, mimetype="text/javascript")
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag()
        response.make_conditional(request)
        return self._guard(filename, response)

    def _guard(self, filename: str, response: Response) -> Response:
        response.headers["Content-Security-Policy"] = self.policy_for(filename)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def load(root: Path = OHIF) -> Dist:
    """Read the dist once, at start. :raise UnusableDist: it was not built, or is not the one we know"""
    index = root / INDEX
    if not index.is_file():
        raise UnusableDist("the viewer's files are not there: run `make assets`, or install the wheel")
    files = {
        path.relative_to(root).as_posix(): path
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix in MIME
    }
    return Dist(
        root=root,
        files=files | EXTENSION,
        decoder=find_decoder(root),
        policy=POLICY.format(hashes=" ".join(script_hashes(index.read_bytes()))),
    )
