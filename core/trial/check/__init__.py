"""``telerad plugin check``: what the house asks of every plugin, asked of one package that is installed here.

Each finding is a sentence: where, what, and how to mend it. What the product refuses at start is refused by its own
code; the rest are rules that only show over time, with a second tenant, another release or another database.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.trial.package import Package

if TYPE_CHECKING:
    from core.trial.house import Trial


@dataclass(frozen=True, order=True)
class Finding:
    """:ivar where: a file, or what was declared"""

    where: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.mend}"


Findings = Iterator[Finding]


@dataclass(frozen=True)
class Subject:
    """One plugin of a package in a house that started with it."""

    package: Package
    name: str
    trial: Trial

    @property
    def manifest(self) -> str:
        """The file of its class, as findings write it."""
        return self.package.shown(self.package.home(self.name) / f"{self.package.plugins[self.name].module.rpartition('.')[2]}.py")


def _sources(package: Package) -> Findings:
    from core.trial.check import sources

    yield from sources.check(package)


def _texts(package: Package) -> Findings:
    from core.trial.check import sources

    yield from sources.texts(package)


def _types(package: Package) -> Findings:
    from core.trial.check import sources

    yield from sources.types(package)


def _declared(subject: Subject) -> Findings:
    from core.trial.check import declared

    yield from declared.check(subject)


def _tables(subject: Subject) -> Findings:
    from core.trial.check import tables

    yield from tables.check(subject)


def _walk(subject: Subject) -> Findings:
    from core.trial.check import walk

    yield from walk.check(subject)


STILL: Mapping[str, Callable[[Package], Findings]] = {"sources": _sources, "texts": _texts, "types": _types}
"""Rules for which nothing starts."""
STARTED: Mapping[str, Callable[[Subject], Findings]] = {"declared": _declared, "tables": _tables, "walk": _walk}
"""Rules that look at the plugin in a house of its own; each wants the ones before it."""
RULES = (*STILL, "start", *STARTED)


def check(package: Package, rules: tuple[str, ...] = RULES) -> Findings:
    """Everything that is to be mended, rule by rule."""
    for name, still in STILL.items():
        if name in rules:
            yield from sorted(set(still(package)))
    if package.plugins and {"start", *STARTED} & set(rules):
        from core.trial.check import start

        with tempfile.TemporaryDirectory() as folder:
            yield from start.check(package, Path(folder), rules)
