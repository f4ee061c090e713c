"""``telerad plugin new``: the first files of a plugin, a package of its own that does something and tests it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from keyword import iskeyword
from pathlib import Path

from core.host import loader
from core.trial.texts import Texts
from plugin_sdk import node
from plugin_sdk.api import API_VERSION
from plugin_sdk.errors import DomainError

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".txt"


@dataclass(frozen=True)
class Kind:
    """:ivar does: one line, for the metadata; :ivar entry: what the entry point names, below the package"""

    does: str
    group: str = loader.GROUP
    entry: str = "plugin:MyPlugin"
    extra: str = "server"


KINDS: Mapping[str, Kind] = {
    "billing": Kind("A flat fee per part of the body"),
    "report": Kind("A report layout of one's own"),
    "channel": Kind("Notices as signed JSON to an address of one's own"),
    "page": Kind("A page with a list of handover notes"),
    "node": Kind("A destination of the forwarding node that files into a folder", group=node.GROUP, entry="folder:make", extra="node"),
}


class CannotMake(DomainError):
    """Why no package was made."""


def check_name(name: str) -> None:
    """:raise CannotMake: no plugin can bear this name here"""
    try:
        loader.check_name(name)
    except ValueError as error:
        raise CannotMake(f"{name!r} is no name for a plugin: {error}, like acme_billing") from error
    if iskeyword(class_name(name)):
        raise CannotMake(f"{name!r} is no name for a plugin: its class would be called {class_name(name)}")
    taken = {p.name for group in (loader.GROUP, node.GROUP) for p in entry_points(group=group)}
    if name in taken:
        raise CannotMake(f"a plugin called {name} is installed already")
    if other := next((t for t in sorted(taken) if overlap(t, name)), None):
        raise CannotMake(f"tables of {name} could not be told from those of {other}: take a name that does not begin with another's")


def overlap(one: str, other: str) -> bool:
    """Whether one name's prefix of tables covers the other's."""
    return f"{one}_".startswith(f"{other}_") or f"{other}_".startswith(f"{one}_")


def class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def create(name: str, kind: str, folder: Path | None = None) -> Path:
    """Write a package into a new or empty folder. :return: the folder

    :raise CannotMake: the name is not possible, or something is in the folder
    """
    check_name(name)
    target = folder or Path(f"telerad-{name.replace('_', '-')}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CannotMake(f"{target} exists and is not empty; nothing was written")
    words = _words(name, KINDS[kind])
    pattern = re.compile("|".join(map(re.escape, words)))

    def filled(text: str) -> str:
        return pattern.sub(lambda found: words[found[0]], text)

    for source in sorted(p for part in ("all", kind) for p in (TEMPLATES / part).rglob(f"*{SUFFIX}")):
        where = source.relative_to(TEMPLATES).parts[1:]
        if where != ("readme_end.txt",):
            path = target / filled("/".join(where).removesuffix(SUFFIX))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(filled(source.read_text(encoding="utf-8")), encoding="utf-8")
    if (target / f"telerad_{name}" / "translations").is_dir():
        texts = Texts.of_package(target / f"telerad_{name}", name)
        texts.update()
        texts.compile()
    return target


def _words(name: str, kind: Kind) -> Mapping[str, str]:
    """What stands for what in the templates."""
    major, minor, *_ = version("telerad").split(".")
    end = (TEMPLATES / "all" / "readme_end.txt").read_text(encoding="utf-8").rstrip("\n")
    return {
        "READ_ME_END": end.replace("my_plugin", name), "MyPlugin": class_name(name), "my_plugin": name,
        "my-plugin": name.replace("_", "-"), "API_NOW": str(API_VERSION), "RANGE": f"[{kind.extra}]>={major}.{minor},<{int(major) + 1}",
        "WHAT_IT_DOES": kind.does, "ENTRY_GROUP": kind.group,
        "ENTRY_POINT": f"telerad_{name}.{kind.entry.replace('MyPlugin', class_name(name))}",
    }
