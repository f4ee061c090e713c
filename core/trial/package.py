"""A plugin's package as it is installed here: which plugins it brings, where its files are, what it says it needs."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from core.host import loader
from core.trial.texts import Texts
from plugin_sdk import node
from plugin_sdk.errors import DomainError


class NoPackage(DomainError):
    """There is nothing to look at."""


@dataclass(frozen=True)
class Package:
    """:ivar folder: where pyproject.toml or setup.cfg is; :ivar plugins: entry points by name"""

    folder: Path
    dist: Distribution
    plugins: Mapping[str, EntryPoint]
    destinations: Mapping[str, EntryPoint]

    @property
    def points(self) -> Mapping[str, EntryPoint]:
        """Of both groups."""
        return {**self.plugins, **self.destinations}

    def home(self, name: str) -> Path:
        """The folder of a plugin's own module."""
        point = self.points[name]
        spec = find_spec(point.module)
        if spec is None or spec.origin is None:
            raise NoPackage(f"{self.folder}: entry point {name} names {point.module}, which is no module; mend it and install again")
        return Path(spec.origin).resolve().parent

    def texts(self, name: str) -> Texts:
        return Texts.of_package(self.home(name), name)

    def shown(self, path: Path) -> str:
        """A path as it is written in findings."""
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else str(path)


def read(folder: Path) -> Package:
    """Find the installed distribution of a source folder.

    :raise NoPackage: no project there, not installed, or it brings no plugin
    """
    folder = folder.resolve()
    name = _name(folder)
    try:
        dist = distribution(name)
    except PackageNotFoundError as error:
        raise NoPackage(f"{folder}: {name} is not installed; pip install -e {folder}") from error
    points = dist.entry_points
    found = Package(
        folder, dist, {p.name: p for p in points.select(group=loader.GROUP)}, {p.name: p for p in points.select(group=node.GROUP)}
    )
    if not found.plugins and not found.destinations:
        raise NoPackage(
            f"{folder}: {name} has no entry point in {loader.GROUP} or {node.GROUP}; add one to its pyproject.toml and install again"
        )
    return found


def _name(folder: Path) -> str:
    """The distribution's name as the project's own file says it."""
    if (project := folder / "pyproject.toml").exists():
        said = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}).get("name")
        if said:
            return str(said)
    if (config := folder / "setup.cfg").exists():
        parser = configparser.ConfigParser()
        parser.read(config, encoding="utf-8")
        if said := parser.get("metadata", "name", fallback=""):
            return said
    raise NoPackage(f"{folder}: neither pyproject.toml nor setup.cfg names a project; is this the plugin's folder?")
