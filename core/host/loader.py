"""Find, order and start plugins. One failure leaves its plugin out, named and visible; the others start.

Order of start: names filtered by the allow-list, ``plugin.py`` loaded (light), ordered, models imported, mappers
configured, ``register()`` into a scratch registry, blueprints imported, then frozen.
"""

from __future__ import annotations

import logging
import re
from dataclasses import MISSING, dataclass, field, fields
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, get_type_hints

import click
import pluggy
from sqlalchemy.orm import DeclarativeBase

from core.host.guard import Guard
from core.host.registry import Declarations, House
from plugin_sdk.api import API_VERSION, HOOKS, NAME, Plugin
from plugin_sdk.capabilities import CAPABILITIES
from plugin_sdk.db import Base

log = logging.getLogger(__name__)
GROUP = "telerad.plugins"
NAME_FORM = re.compile(r"[a-z][a-z0-9_]{2,29}")


class PluginFailed(RuntimeError):
    """A plugin did not start and faults are errors (TELERAD_STRICT_PLUGINS=1)."""


@dataclass
class Plugins:
    """All plugins of this process. ``broken`` maps a name to why it did not start."""

    found: dict[str, Plugin] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    not_allowed: list[str] = field(default_factory=list)
    distributions: dict[str, str] = field(default_factory=dict)
    house: House = field(default_factory=House)
    manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager(NAME))
    guard: Guard = field(default_factory=Guard)
    strict: bool = False

    @property
    def ready(self) -> list[str]:
        """Names in start order."""
        return [n for n in self.house.by_owner if n != "core"]

    def state(self, name: str) -> str:
        if name in self.not_allowed:
            return "not_allowed"
        if name in self.broken:
            return "broken"
        return "ready" if name in self.found else "missing"

    def fail(self, name: str, stage: str, error: Exception) -> None:
        """Leave a plugin out. The reason is the error's class and text; it holds no patient data at start."""
        if self.strict:
            raise PluginFailed(f"plugin {name} failed to {stage}: {error!r}") from error
        log.error("plugin left out", extra={"plugin": name, "stage": stage, "error": type(error).__name__})
        self.broken[name] = f"{stage}: {type(error).__name__}: {error}"

    def leave_out(self, name: str, stage: str, error: Exception) -> None:
        """Take a plugin out that had started, with its hooks and all it declared, and whoever requires it."""
        self.house.by_owner.pop(name, None)
        if self.manager.has_plugin(name):
            self.manager.unregister(name=name)
        self.fail(name, stage, error)
        for other in self.ready:
            try:
                _check_requires(self, self.found[other])
            except LookupError as missing:
                self.leave_out(other, "require", missing)


def bundled(plugin: Plugin) -> bool:
    """Whether it comes with the product."""
    return type(plugin).__module__.startswith("plugins.")


def resolve(dotted: str) -> Any:
    """Import what ``package.module:name`` names."""
    module, _, name = dotted.partition(":")
    found: Any = import_module(module)
    for part in filter(None, name.split(".")):
        found = getattr(found, part)
    return found


def load_plugins(
    core: Declarations, *, allowed: frozenset[str] | None = None, strict: bool = False, extra: tuple[type[Plugin], ...] = ()
) -> Plugins:
    """Load everything installed. Web, worker, commands and migrations all call this, so all see the same tables.

    :param extra: plugin classes that are not installed, for tests
    """
    plugins = Plugins(strict=strict)
    plugins.manager.add_hookspecs(Plugin)
    plugins.house.add(core)
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        if allowed is not None and point.name not in allowed:
            plugins.not_allowed.append(point.name)
            continue
        _load(plugins, point)
    for cls in extra:
        plugins.found[cls.name] = cls()
    for name in _order(plugins):
        _start(plugins, name)
    return plugins


def _load(plugins: Plugins, point: EntryPoint) -> None:
    try:
        plugin = point.load()()
        if not isinstance(plugin, Plugin) or plugin.name != point.name:
            raise TypeError(f"entry point {point.name} is no plugin of that name")
        if plugin.api[0] != API_VERSION[0] or plugin.api > API_VERSION:
            raise TypeError(f"needs plugin API {plugin.api}, this is {API_VERSION}")
    except Exception as error:  # a plugin is foreign code: whatever it raises, the house starts
        plugins.fail(point.name, "load", error)
        return
    plugins.found[point.name] = plugin
    plugins.distributions[point.name] = f"{point.dist.name} {point.dist.version}" if point.dist else ""


def _order(plugins: Plugins) -> list[str]:
    """Topological on ``requires`` and ``after``, then by name. A cycle quarantines its members."""
    found = plugins.found
    providers = {c: [n for n, p in found.items() if c in p.provides] for c in CAPABILITIES}

    def needs(plugin: Plugin) -> set[str]:
        names = {d for d in (*plugin.requires, *plugin.after) if d in found}
        return names | {n for d in plugin.requires for n in providers.get(d, ()) if n != plugin.name}

    while True:
        sorter = TopologicalSorter({n: needs(p) for n, p in found.items()})
        try:
            sorter.prepare()
        except CycleError as error:
            for name in set(error.args[1]):
                plugins.fail(name, "order", error)
                found.pop(name, None)
            continue
        order: list[str] = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready())
            order.extend(ready)
            sorter.done(*ready)
        return order


def _start(plugins: Plugins, name: str) -> None:
    plugin = plugins.found[name]
    stage = "name"
    try:
        check_name(name)
        stage = "require"
        _check_requires(plugins, plugin)
        stage = "import models"
        if plugin.models:
            import_module(plugin.models)
            _configure_mappers(plugin.models)
        if plugin.migrations not in ("", "bundled"):
            migrations_of(plugin.migrations)
        stage = "register"
        declared = Declarations(name)
        plugin.register(declared)
        _check_manifest(plugin, declared)
        stage = "hooks"
        _check_hooks(plugins, plugin)
        stage = "import views"
        for dotted in (*(spec.dotted for spec in declared.blueprints), *declared.listings):
            resolve(dotted)
        for dotted in declared.commands:
            _check_command(name, resolve(dotted))
        stage = "declare"
        plugins.house.add(declared)
    except Exception as error:  # foreign code, see above
        if plugins.manager.has_plugin(name):
            plugins.manager.unregister(name=name)
        plugins.fail(name, stage, error)


def migrations_of(where: str) -> Path:
    """The folder of a plugin's migrations: a path, or a package.

    :raise LookupError: neither
    """
    if Path(where).is_dir():
        return Path(where)
    try:
        found = import_module(where)
    except ImportError as error:
        raise LookupError(f"migrations {where} are no folder and no package") from error
    return Path(next(iter(found.__path__)))


def _check_command(plugin: str, command: object) -> None:
    if not isinstance(command, click.Command) or command.name != plugin:
        raise TypeError(f"the command of plugin {plugin} must be a click command of that name")


def _configure_mappers(models: str) -> None:
    """Configure the mappers of a plugin's own registry now, or a bad one fails the first query of somebody else."""
    bases = [v for v in vars(import_module(models)).values() if isinstance(v, type) and issubclass(v, DeclarativeBase)]
    for registry in {id(b.registry): b.registry for b in bases if b.registry is not Base.registry}.values():
        try:
            registry.configure()
        except Exception:
            registry.dispose()
            raise


def check_name(name: str) -> None:
    """A plugin's name is the prefix of its tables: it may not cover one of core's."""
    if not NAME_FORM.fullmatch(name) or name == "alembic_version":
        raise ValueError("a name is 3 to 30 of a-z, 0-9 and _, and begins with a letter")
    if covered := sorted(t for m in Base.registry.mappers if (t := str(m.local_table)).startswith(f"{name}_")):
        raise ValueError(f"the name covers core's table {covered[0]}")


def _check_requires(plugins: Plugins, plugin: Plugin) -> None:
    for need in plugin.requires:
        if need in CAPABILITIES:
            if not any(need in plugins.found[n].provides for n in plugins.ready):
                raise LookupError(f"nobody provides {need}")
        elif need not in plugins.ready:
            raise LookupError(f"requires {need}")


def _check_manifest(plugin: Plugin, declared: Declarations) -> None:
    for capability in plugin.provides:
        if capability not in CAPABILITIES:
            raise LookupError(f"unknown capability {capability}")
        if capability not in declared.capabilities:
            raise LookupError(f"provides {capability} but binds no factory to it")
    for dotted in plugin.settings.values():
        _check_settings(dotted)


def _check_settings(dotted: str) -> None:
    """Look at settings as their form will: what a page could not draw is found at start."""
    cls = resolve(dotted)
    if bare := [f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING]:
        raise TypeError(f"settings without a default: {', '.join(bare)}")
    get_type_hints(cls)


def _check_hooks(plugins: Plugins, plugin: Plugin) -> None:
    """Register with pluggy; a misspelt hook, a wrapper or a wish to be first is refused."""
    plugins.manager.register(plugin, name=plugin.name)
    for caller in plugins.manager.get_hookcallers(plugin) or ():
        if caller.name not in HOOKS:
            raise LookupError(f"unknown hook {caller.name}")
        for impl in caller.get_hookimpls():
            if impl.plugin_name == plugin.name and (impl.wrapper or impl.hookwrapper or impl.tryfirst):
                raise TypeError(f"{caller.name}: wrappers and tryfirst are not allowed")
