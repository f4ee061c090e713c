"""Commands that plugins declare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from core.config import Config
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Ctx


class Operator:
    """Implements :class:`plugin_sdk.declared.Operator`: what a plugin's command is handed by ``click.pass_obj``."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @contextmanager
    def tenant(self, code: str) -> Iterator[Ctx]:
        """A tenant's ctx with every right of its side; commits at the end.

        :raise DomainError: no such tenant
        """
        from core.app import create_app
        from core.run import migrate

        app = create_app(self.config)
        with app.app_context():
            migrate.upgrade(app.house)
            row = app.house.tenant_by_code(code)
            if row is None:
                raise DomainError(_l("没有此机构"))
            with app.house.system_ctx(row.id) as ctx:
                yield ctx


def of_plugins(config: Config) -> dict[str, click.Command]:
    """Commands of the plugins that start, by name. One that cannot be imported is left out, as its plugin would be."""
    from core import declarations
    from core.host import loader

    plugins = loader.load_plugins(declarations.core(), allowed=config.plugins)
    found: dict[str, click.Command] = {}
    for owner, declared in plugins.house.by_owner.items():
        for dotted in declared.commands:
            command = loader.resolve(dotted)
            command.context_settings["obj"] = Operator(config)
            found[owner] = command
    return found
