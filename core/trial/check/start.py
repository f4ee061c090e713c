"""Start a house with the package in it. What keeps a plugin from starting is said by the code that starts plugins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.trial.check import STARTED, Finding, Findings, Subject
from core.trial.house import Trial
from core.trial.new import overlap
from core.trial.package import Package

MEND: Mapping[str, str] = {
    "load": "the class at the entry point must derive from plugin_sdk.api.Plugin, bear the entry point's name, and want an API this house has",
    "order": "let no two plugins wait for each other in requires and after",
    "name": "rename the plugin",
    "require": "install what it requires, or take it out of requires",
    "import models": "tables begin with the plugin's name, mappers configure, and migrations names a package or folder",
    "register": "mend what register() declares",
    "hooks": "override only the methods of plugin_sdk.api.Plugin, with @hookimpl and nothing else",
    "import views": "see that every dotted name in register() can be imported",
    "declare": "begin the name with the plugin's own, so that nobody else has it",
    "routes": "give each view one mark that its scope knows (plugin_sdk.web), and declare the permission it names",
    "migrate": "mend the migration; it must run on an empty database",
}


def check(package: Package, folder: Path, rules: tuple[str, ...]) -> Findings:
    """Start, then let the other rules look at each plugin that is ready."""
    trial = Trial(folder)
    try:
        for name in sorted(package.plugins):
            subject = Subject(package, name, trial)
            if (broken := trial.broken.get(name)) is not None:
                stage, _, why = broken.partition(": ")
                yield Finding(subject.manifest, f"{name} does not start: {stage}: {why}", MEND.get(stage, "mend it"))
                continue
            if "start" in rules:
                yield from names(subject)
            for rule, look in STARTED.items():
                if rule in rules:
                    yield from sorted(set(look(subject)))
    finally:
        trial.close()


def names(subject: Subject) -> Findings:
    """A name is the prefix of tables: none may begin with another's."""
    others = subject.trial.app.house.plugins.found.keys() - {subject.name}
    for other in sorted(others):
        if overlap(subject.name, other):
            yield Finding(
                subject.manifest, f"tables of {subject.name} cannot be told from those of {other}",
                "rename one of the two, so that neither name begins with the other",
            )
