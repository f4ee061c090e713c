"""``telerad dev``: the whole product with demo tenants around one plugin, started again whenever its files change."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import click

from core.config import Config
from core.host import loader
from core.run.supervisor import Supervisor
from plugin_sdk.errors import DomainError

WATCHED = frozenset({".py", ".html", ".css", ".js", ".po"})
EVERY = 0.5
"""Seconds between two looks at the files."""


class NoPlugin(DomainError):
    """Nobody installed a plugin of this name."""


def source_of(plugin: str) -> Path:
    """The folder of an installed plugin's package, found without importing the plugin.

    :raise NoPlugin: not installed, or installed without its sources
    """
    point = next(iter(entry_points(group=loader.GROUP, name=plugin)), None)
    if point is None:
        raise NoPlugin(f"no plugin called {plugin} is installed here; in its folder: pip install -e .")
    package = point.module.rpartition(".")[0] or point.module
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise NoPlugin(f"plugin {plugin}: {package} cannot be imported; in its folder: pip install -e .")
    return Path(spec.origin).resolve().parent


def ready(config: Config, plugin: str, *, studies: bool, first: bool) -> Iterator[str]:
    """Bring the schema up, make the demo tenants and switch the plugin on for them. Says accounts and problems.

    Runs in a process of its own at every change, so that the code it sees is what is on disk.
    """
    from core.app import create_app
    from core.demo import seed
    from core.host import switches
    from core.run import migrate
    from core.tenancy import actions
    from core.tenancy.sessions import all_tenants
    from core.trial.texts import Texts

    Texts.of_package(source_of(plugin), plugin).compile()
    app = create_app(config)
    house = app.house
    with app.app_context():
        migrate.upgrade(house)
        if first:
            yield from seed.seed(house, studies=studies)
        if (why := house.plugins.broken.get(plugin)) is not None:
            yield f"{plugin} does not start: {why}"
            return
        with all_tenants(write=True) as session:
            actions.refresh_builtin_roles(session, house)
        found = house.plugins.found[plugin]
        for code, kind, _ in seed.TENANTS:
            row = house.tenant_by_code(code)
            if row is not None and found.side in (kind, "both"):
                with house.system_ctx(row.id) as ctx:
                    switches.enable(ctx, plugin)
                    for capability in found.provides:
                        switches.choose(ctx, capability, plugin)
    yield f"{plugin} is on for the demo tenants"


class Workshop(Supervisor):
    """Supervises as ``telerad run`` does, and starts everything but the queue again when a file has changed."""

    def __init__(self, config: Config, *, host: str, port: int, plugin: str, studies: bool) -> None:
        super().__init__(config, host=host, port=port)
        self.plugin, self.studies, self.source = plugin, studies, source_of(plugin)
        self.children = [c for c in self.children if c.name != "worker 2"]
        self.env |= {"TELERAD_WORKERS": "1", "TELERAD_LOG": config.log}
        self.seen, self.looked = self._stamps(), time.monotonic()

    def run(self) -> None:
        try:
            self._prepare(first=True)
        except KeyboardInterrupt:
            return
        super().run()

    def _watch(self) -> None:
        super()._watch()
        if time.monotonic() - self.looked < EVERY:
            return
        self.looked, stamps = time.monotonic(), self._stamps()
        if stamps != self.seen:
            changed = sorted(str(p.relative_to(self.source)) for p, _ in set(stamps.items()) ^ set(self.seen.items()))
            click.echo(f"{', '.join(dict.fromkeys(changed))} changed")
            self.seen = stamps
            self._again()

    def _again(self) -> None:
        parts = [c for c in self.children if c.name != "valkey" and c.process is not None]
        for child in parts:
            child.process.terminate()  # type: ignore[union-attr]
        for child in parts:
            child.process.wait()  # type: ignore[union-attr]
        self._prepare(first=False)
        for child in parts:
            if not self.stopping:
                self._start(child)

    def _prepare(self, *, first: bool) -> None:
        """What it says goes to the same terminal; a plugin that cannot be imported is said, and the house goes on."""
        more = ["--first", "--studies" if self.studies else "--no-studies"] if first else []
        subprocess.run(
            [sys.executable, "-m", "core.cli", "dev", "--plugin", self.plugin, "--prepare", *more], env=self.env, check=False
        )

    def _stamps(self) -> Mapping[Path, int]:
        found = {}
        for path in self.source.rglob("*"):
            if path.suffix in WATCHED and "__pycache__" not in path.parts:
                try:
                    found[path] = path.stat().st_mtime_ns
                except FileNotFoundError:  # an editor was replacing it
                    continue
        return found
