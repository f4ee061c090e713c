"""Build the wheel: `python tools/wheel.py dist`, or `make wheel`, after assets and translations.

It is built from a copy, because setuptools packs whatever an earlier build left lying in `build/`. What must be inside
is looked for afterwards: a wheel without its templates installs and fails at the first page.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("core", "plugins", "plugin_sdk", "transfer", "migrations")
FILES = ("setup.cfg", "pyproject.toml", "README.md")
WANTED = (
    "core/templates/base.html", "core/static/js/session.js", "core/static/vendor/*.js", "core/static/vendor/*.woff2",
    "core/translations/en/LC_MESSAGES/core.mo", "plugins/*/translations/en/LC_MESSAGES/*.mo", "plugins/consultation/templates/*.html",
    "plugins/viewer/ohif/index.html", "plugins/viewer/extension/*", "plugin_sdk/paper/fonts/*.ttf",
    "migrations/script.py.mako", "migrations/env.py", "migrations/versions/core/0001_tables.py",
    "migrations/versions/consultation/0001_tables.py", "core/trial/templates/billing/*.py.txt",
    "plugin_sdk/py.typed", "core/py.typed", "plugins/py.typed",
)
"""Patterns of which each must find something; ``*`` also spans folders."""


class Incomplete(RuntimeError):
    """The wheel lacks what the product needs."""


def build(into: Path) -> Path:
    """Build and look into it. :raise Incomplete: assets or translations were not made, or are not packed"""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "telerad"
        for part in PARTS:
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"), copy_function=_link)
        for name in FILES:
            shutil.copy(ROOT / name, copy / name)
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(Path(folder) / "out"), str(copy)],
            check=True,
        )
        (made,) = (Path(folder) / "out").glob("telerad-*.whl")
        if lacking := missing(made):
            raise Incomplete(f"the wheel lacks {', '.join(lacking)}: run `make assets translations`")
        return Path(shutil.copy(made, into / made.name))


def missing(wheel: Path) -> list[str]:
    """Patterns that match no file of the wheel."""
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    return [pattern for pattern in WANTED if not any(fnmatch(name, pattern) for name in names)]


def _link(source: str, target: str) -> None:
    """A second name instead of a second copy, where that is possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("into", type=Path, nargs="?", default=ROOT / "dist")
    print(build(parser.parse_args().into))
