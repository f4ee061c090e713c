"""Build the front-end files that are not ours: `python tools/assets.py`, or `make assets`.

npm fetches them by the lock file; what the product serves is copied into the Python packages (git-ignored, part of
the wheel), so an installed system needs no Node. A second run with unchanged inputs does nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import ohif

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
LICENSES = ROOT / "tools" / "licenses"
STAMP = ROOT / ".make" / "assets.stamp"
VENDOR = ROOT / "core" / "static" / "vendor"
FONTS = ROOT / "plugin_sdk" / "paper" / "fonts"
OHIF = ROOT / "plugins" / "viewer" / "ohif"


@dataclass(frozen=True)
class Vendored:
    """One folder to build: files by their path below node_modules, and every licence text that covers them."""

    folder: str
    files: dict[str, str]
    licenses: tuple[Path, ...]


STATIC = (
    Vendored(
        "tabler",
        {
            "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
            "@tabler/core/dist/css/tabler-vendors.min.css": "tabler-vendors.min.css",
            "@tabler/core/dist/js/tabler.min.js": "tabler.min.js",
        },
        (LICENSES / "tabler.txt", MODULES / "@popperjs/core/LICENSE.md"),
    ),
    Vendored(
        "tabler-icons",
        {
            "@tabler/icons-webfont/dist/tabler-icons.min.css": "tabler-icons.min.css",
            "@tabler/icons-webfont/dist/fonts/tabler-icons.woff2": "fonts/tabler-icons.woff2",
        },
        (MODULES / "@tabler/icons-webfont/LICENSE",),
    ),
    Vendored("htmx", {"htmx.org/dist/htmx.min.js": "htmx.min.js"}, (MODULES / "htmx.org/LICENSE",)),
    Vendored(
        "alpine",
        {"@alpinejs/csp/dist/cdn.min.js": "alpine-csp.min.js"},
        (LICENSES / "alpine.txt", MODULES / "@vue/reactivity/LICENSE", MODULES / "@vue/shared/LICENSE"),
    ),
    Vendored(
        "echarts",
        {"echarts/dist/echarts.common.min.js": "echarts.min.js"},
        (
            MODULES / "echarts/LICENSE", MODULES / "echarts/NOTICE", MODULES / "echarts/licenses/LICENSE-d3", MODULES / "zrender/LICENSE",
            MODULES / "tslib/LICENSE.txt",
        ),
    ),
    Vendored(
        "tus",
        {"tus-js-client/dist/tus.min.js": "tus.min.js"},
        (
            MODULES / "tus-js-client/LICENSE",
            MODULES / "js-base64/LICENSE.md",
            MODULES / "url-parse/LICENSE",
            MODULES / "querystringify/LICENSE",
            MODULES / "requires-port/LICENSE",
            LICENSES / "tus.txt",
        ),
    ),
)
NOTO = Vendored(
    "",
    {
        "@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf": "NotoSansSC-Regular.ttf",
        "@expo-google-fonts/noto-sans-sc/700Bold/NotoSansSC_700Bold.ttf": "NotoSansSC-Bold.ttf",
    },
    (
        MODULES / "@expo-google-fonts/noto-sans-sc/LICENSE_FONT",
        MODULES / "@expo-google-fonts/noto-sans-sc/LICENSE",
    ),
)


def inputs_digest() -> str:
    """Digest everything that decides what is built."""
    digest = hashlib.sha256()
    for path in (ROOT / "package-lock.json", *sorted(Path(__file__).parent.glob("*.py")), *sorted(LICENSES.iterdir())):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def is_current(digest: str) -> bool:
    """Say whether the last complete build had these inputs and its folders are still there."""
    built = all((folder / "LICENSE").is_file() for folder in (FONTS, OHIF, *(VENDOR / v.folder for v in STATIC)))
    return built and STAMP.is_file() and STAMP.read_text("ascii") == digest


def npm(*arguments: str) -> None:
    """Run npm in the project. :raise SystemExit: npm is missing or fails; nothing was replaced yet"""
    program = shutil.which("npm")
    if program is None:
        raise SystemExit("npm is not installed: Node 20 or later is needed to build the assets, not to run the product")
    if subprocess.run([program, *arguments, "--ignore-scripts"], cwd=ROOT, check=False).returncode != 0:
        raise SystemExit(f"npm {arguments[0]} failed; its own message stands above")


def copy(item: Vendored, folder: Path) -> None:
    """Copy the files and put all licence texts into one LICENSE beside them."""
    for source, name in item.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(MODULES / source, target)
    texts = [path.read_text("utf-8").strip() for path in item.licenses]
    (folder / "LICENSE").write_text("\n\n----\n\n".join(texts) + "\n", "utf-8")


def replace(built: Path, target: Path) -> None:
    """Put a complete folder in the place of the one before, so that no half-built folder is ever served."""
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    built.rename(target)


def build() -> None:
    """Fetch, copy and patch everything into a scratch folder of the same disk, then replace the three folders."""
    npm("ci")
    with tempfile.TemporaryDirectory(dir=STAMP.parent) as scratch:
        work = Path(scratch)
        for item in STATIC:
            copy(item, work / "vendor" / item.folder)
        copy(NOTO, work / "fonts")
        npm("pack", ohif.PACKAGE, "--silent", "--pack-destination", str(work))
        ohif.build(work / ohif.TARBALL, work / "ohif")
        replace(work / "vendor", VENDOR)
        replace(work / "fonts", FONTS)
        replace(work / "ohif", OHIF)


def main() -> int:
    """Build unless the last build still stands. One build at a time: others wait, then find it done."""
    STAMP.parent.mkdir(exist_ok=True)
    digest = inputs_digest()
    if is_current(digest):
        return 0
    with (STAMP.parent / "assets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current(digest):
            STAMP.unlink(missing_ok=True)
            build()
            STAMP.write_text(digest, "ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
