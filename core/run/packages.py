"""Whether our top-level packages are ours alone: names like ``core`` are not rare, and files of two distributions mix."""

from __future__ import annotations

import re
from collections import defaultdict
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

import core
from plugin_sdk.errors import DomainError

OURS = ("core", "plugin_sdk", "plugins", "transfer", "migrations")
SOURCE = Path(str(core.__file__)).resolve().parent.parent
SHIPPED = re.compile(rf"^({'|'.join(OURS)})(?:/|\.py,)", re.MULTILINE)


class Shadowed(DomainError):
    """The house does not start: which code would run is a matter of luck. The sentence names who else ships what."""


def owners() -> dict[str, set[str]]:
    """Other distributions that ship a top-level name of ours, by that name.

    Reads the texts of the records and takes none of them apart: that would cost more than the rest of the start.
    """
    found = defaultdict(set)
    for other in distributions():
        if (name := other.name or "?") == "telerad":
            continue
        names = set(SHIPPED.findall(other.read_text("RECORD") or ""))
        names |= set(OURS) & set((other.read_text("top_level.txt") or "").split())
        for package in names:
            found[package].add(name)
    return found


def said_of(package: str, others: set[str]) -> str:
    """``ours``, or what is wrong with one of our names."""
    spec = find_spec(package)
    places = [Path(p).resolve().parent for p in (spec.submodule_search_locations or ())] if spec else []
    if others:
        return f"also shipped by {', '.join(sorted(others))}"
    if not places:
        return "not there"
    return "ours" if places[0] == SOURCE else f"imported from {places[0]}"


def examine() -> dict[str, str]:
    """What is said of each of our names."""
    others = owners()
    return {package: said_of(package, others.get(package, set())) for package in OURS}


def refuse() -> None:
    """:raise Shadowed: another distribution ships one of our names, or one is imported from elsewhere"""
    if wrong := [f"package {p}: {said}" for p, said in examine().items() if said != "ours"]:
        raise Shadowed(sentence="; ".join(wrong))
