"""Catalogues: extract the zh-CN source texts, check that English is complete, compile.

Each owner has one gettext domain: ``core`` (with plugin_sdk's texts) and one per plugin, bundled or example.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")]
OPTIONS = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}
CHINESE = (("\u3000", "\u303f"), ("\u4e00", "\u9fff"), ("\uff00", "\uffef"))
KEYWORDS = {"_": None, "_l": None, "lazy": None, "gettext": None}


def owners() -> Iterator[tuple[str, list[Path], Path]]:
    """Domain, the folders of its texts, and its catalogue."""
    yield "core", [ROOT / "core", ROOT / "plugin_sdk"], ROOT / "core/translations/en/LC_MESSAGES/core.po"
    for folder in sorted((ROOT / "plugins").iterdir()):
        if (folder / "plugin.py").exists():
            yield folder.name, [folder], folder / f"translations/en/LC_MESSAGES/{folder.name}.po"
    for folder in sorted((ROOT / "examples").glob("*/telerad_*")):
        name = folder.name.removeprefix("telerad_")
        yield name, [folder], folder / f"translations/en/LC_MESSAGES/{name}.po"


def extracted(folders: list[Path]) -> Catalog:
    """Texts with Chinese in them, its punctuation included: the others need no translation."""
    found = Catalog(locale="en", project="Telerad", charset="utf-8")
    for folder in folders:
        for name, _, text, _, _ in extract_from_dir(
            folder, METHODS, OPTIONS, KEYWORDS,
            directory_filter=lambda d: Path(d).name not in ("vendor", "ohif", "node_modules", "fonts", "static"),
        ):
            if isinstance(text, str) and any(low <= c <= high for c in text for low, high in CHINESE):
                found.add(text, locations=[(str((folder / name).relative_to(ROOT)), 1)])
    return found


def known(path: Path) -> Catalog:
    if not path.exists():
        return Catalog(locale="en")
    with path.open("rb") as file:
        return read_po(file, locale="en")


def update() -> int:
    """Write catalogues with every text; what lacks a translation stays empty. :return: how many lack one"""
    lacking = 0
    for _, folders, path in owners():
        texts, have = extracted(folders), known(path)
        for message in texts:
            if message.id and (old := have.get(message.id)) is not None:
                message.string = old.string
            lacking += bool(message.id) and not message.string
        path.parent.mkdir(parents=True, exist_ok=True)
        texts.creation_date = texts.revision_date = have.creation_date
        with path.open("wb") as file:
            write_po(file, texts, width=0, omit_header=False, sort_output=True, no_location=True)
    return lacking


def missing() -> list[str]:
    """Texts without an English translation, and translations that no text needs."""
    found = []
    for owner, folders, path in owners():
        texts, have = extracted(folders), known(path)
        found += [f"{owner}: {m.id}" for m in texts if m.id and not (have.get(m.id) and have.get(m.id).string)]
    return found


def compile_all() -> None:
    for _, _, path in owners():
        if path.exists():
            target = path.with_suffix(".mo")
            if not target.exists() or target.stat().st_mtime < path.stat().st_mtime:
                with target.open("wb") as file:
                    write_mo(file, known(path))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when English is incomplete")
    parser.add_argument("--compile", action="store_true", help="write .mo files only")
    given = parser.parse_args()
    if given.compile:
        compile_all()
        return 0
    if given.check:
        lacking = missing()
        for text in lacking:
            print(text)
        return 1 if lacking else 0
    print(f"{update()} texts lack a translation")
    compile_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
