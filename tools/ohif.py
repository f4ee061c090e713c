"""Make the viewer's files from the published OHIF package: check, unpack, slim, mount below /viewer/, compress.

Every count below was read in this one version. Another version fails here, not in a reader's browser.
"""

from __future__ import annotations

import base64
import fnmatch
import gzip
import hashlib
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "@ohif/app@3.13.2"
TARBALL = "ohif-app-3.13.2.tgz"
SHA512 = "WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
PREFIX = "/viewer/"

# onnxruntime (AI segmentation), slide microscopy, source maps, service workers, demo configuration and log-in pages
# that load from other hosts. app-config.js is the server's own.
DROPPED = (
    "ort/*",
    "dicom-microscopy-viewer/*",
    "customizations/*",
    "*.map",
    "sw.js",
    "init-service-worker.js",
    "app-config.js",
    "google.js",
    "silent-refresh.html",
    "oidc-client.min.js",
    "es6-shim.min.js",
    "polyfill.min.js",
    "serve.json",
    "_headers",
    "_redirects",
)
TEXT = {".js", ".css", ".json", ".jsonc", ".html", ".svg", ".wasm", ".mjs", ".xml"}


class UnknownDist(RuntimeError):
    """The package is not the one that these patches were written for."""


@dataclass(frozen=True)
class Patch:
    """Replace a pattern in all files of a glob; `files` and `times` say in how many and how often in all."""

    glob: str
    pattern: str
    new: str
    files: int
    times: int


PATCHES = (
    Patch("*.bundle.*.js", r'(__webpack_require__\.p = )"/"', rf'\1"{PREFIX}"', files=8, times=8),
    Patch("app.bundle.*.js", r"'/dicom-microscopy-viewer/", f"'{PREFIX}dicom-microscopy-viewer/", files=1, times=1),
    Patch("*.css", r"url\(/(?!/)", f"url({PREFIX}", files=1, times=5),
    Patch("manifest.json", r'"/assets/', f'"{PREFIX}assets/', files=1, times=9),
    Patch("index.html", r'<script rel="preload"[^>]*init-service-worker\.js"></script>', "", files=1, times=1),
    Patch("index.html", r'(src|href|content)="/(?!/)', rf'\1="{PREFIX}', files=1, times=32),
    Patch("index.html", r'window\.PUBLIC_URL="/"', f'window.PUBLIC_URL="{PREFIX}"', files=1, times=2),
    Patch("index.html", r'<html lang="en">', '<html lang="zh-CN">', files=1, times=1),
    Patch("index.html", r"<title>[^<]*</title>", "<title>影像</title>", files=1, times=1),
)


def check(tarball: Path) -> None:
    """Compare with the integrity hash of the registry. :raise UnknownDist: a single byte differs"""
    with tarball.open("rb") as file:
        found = hashlib.file_digest(file, "sha512").digest()
    if base64.b64encode(found).decode() != SHA512:
        raise UnknownDist(f"{tarball.name} is not the published {PACKAGE}: its SHA-512 differs")


def unpack(tarball: Path, folder: Path) -> None:
    """Write what is served, without the dropped parts, and the licence."""
    with tarfile.open(tarball, "r:gz") as package:
        for member in package:
            name = member.name.removeprefix("package/").removeprefix("dist/")
            wanted = member.name.startswith("package/dist/") or name == "LICENSE"
            if member.isfile() and wanted and not any(fnmatch.fnmatchcase(name, glob) for glob in DROPPED):
                package.extract(member.replace(name=name, deep=False), folder, filter="data")


def apply(patch: Patch, folder: Path) -> None:
    """Patch in place. :raise UnknownDist: the pattern is not where it was"""
    files = times = 0
    for path in sorted(folder.glob(patch.glob)):
        text, found = re.subn(patch.pattern, patch.new, path.read_text("utf-8"))
        if found:
            path.write_text(text, "utf-8")
            files, times = files + 1, times + found
    if (files, times) != (patch.files, patch.times):
        raise UnknownDist(
            f"{patch.pattern!r} found {times} times in {files} files of {patch.glob}, "
            f"expected {patch.times} in {patch.files}: check the patches against this version of OHIF"
        )


def compress(folder: Path) -> None:
    """Put a gzip copy beside each text file that gains from it; the plain file stays for clients without gzip."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in TEXT and path.name != "index.html":
            raw = path.read_bytes()
            packed = gzip.compress(raw, compresslevel=9, mtime=0)
            if len(packed) < len(raw):
                path.with_name(path.name + ".gz").write_bytes(packed)


def build(tarball: Path, folder: Path) -> None:
    """Build the folder that the viewer plugin serves below /viewer/."""
    check(tarball)
    unpack(tarball, folder)
    for patch in PATCHES:
        apply(patch, folder)
    compress(folder)
