"""Catalogues of one owner's texts: found in its sources, English beside them, compiled for the house to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")]
OPTIONS = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}
CHINESE = (("\u3000", "\u303f"), ("\u4e00", "\u9fff"), ("\uff00", "\uffef"))
KEYWORDS = {"_": None, "_l": None, "lazy": None, "gettext": None}
NOT_OURS = ("vendor", "ohif", "node_modules", "fonts", "static")


@dataclass(frozen=True)
class Texts:
    """One gettext domain. ``root`` is what locations are written from."""

    domain: str
    folders: tuple[Path, ...]
    catalogue: Path
    root: Path

    @classmethod
    def of_package(cls, folder: Path, name: str) -> Texts:
        """Of a plugin: its translations lie beside ``plugin.py``."""
        return cls(name, (folder,), folder / f"translations/en/LC_MESSAGES/{name}.po", folder.parent)

    def extracted(self) -> Catalog:
        """Texts with Chinese in them, its punctuation included: the others need no translation."""
        found = Catalog(locale="en", project="Telerad", charset="utf-8")
        for folder in self.folders:
            for name, _, text, _, _ in extract_from_dir(
                folder, METHODS, OPTIONS, KEYWORDS, directory_filter=lambda d: Path(d).name not in NOT_OURS
            ):
                if isinstance(text, str) and any(low <= c <= high for c in text for low, high in CHINESE):
                    found.add(text, locations=[(str((folder / name).relative_to(self.root)), 1)])
        return found

    def known(self) -> Catalog:
        if not self.catalogue.exists():
            return Catalog(locale="en")
        with self.catalogue.open("rb") as file:
            return read_po(file, locale="en")

    def missing(self) -> list[str]:
        """Texts without an English translation."""
        have = self.known()
        return [str(m.id) for m in self.extracted() if m.id and not ((old := have.get(m.id)) and old.string)]

    def update(self) -> int:
        """Write the catalogue with every text; what lacks a translation stays empty. :return: how many lack one"""
        texts, have = self.extracted(), self.known()
        for message in texts:
            if message.id and (old := have.get(message.id)) is not None:
                message.string = old.string
        self.catalogue.parent.mkdir(parents=True, exist_ok=True)
        texts.creation_date = texts.revision_date = have.creation_date
        with self.catalogue.open("wb") as file:
            write_po(file, texts, width=0, omit_header=False, sort_output=True, no_location=True)
        return len(self.missing())

    def compile(self) -> None:
        """Write the .mo where it is missing or older than the catalogue."""
        target = self.catalogue.with_suffix(".mo")
        if self.catalogue.exists() and (not target.exists() or target.stat().st_mtime < self.catalogue.stat().st_mtime):
            with target.open("wb") as file:
                write_mo(file, self.known())
