"""``telerad``: thin commands over the same actions as pages and API. Exit codes: 0 done, 1 refused, 2 usage."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core import config as configuration
from plugin_sdk.errors import DomainError

if TYPE_CHECKING:
    from core.host.house import Application


class Commands(click.Group):
    """The house's commands, and those that plugins declare: each bears its plugin's name."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if (own := super().get_command(context, name)) is not None:
            return own
        from core.cli.foreign import of_plugins

        return of_plugins(config_of(context)).get(name)


@click.group(cls=Commands)
@click.option("--data", type=click.Path(path_type=Path), help="Data folder; TELERAD_DATA otherwise.")
@click.pass_context
def cli(context: click.Context, data: Path | None) -> None:
    """Teleradiology: one hospital's images, another house's report."""
    context.obj = {"data": data}


def main() -> None:
    """Run a command; a refusal is one sentence on stderr and exit code 1."""
    try:
        sys.exit(commands()(standalone_mode=False))  # a command that calls context.exit(n) comes back as n
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(1)
    except DomainError as error:
        click.echo(str(error.sentence), err=True)
        sys.exit(1)


def config_of(context: click.Context, **given: Any) -> configuration.Config:
    data = given.pop("data", None) or (context.obj or {}).get("data")
    return configuration.load(data=data, **given)


@contextmanager
def house_of(context: click.Context, *, upgrade: bool = True, as_served: bool = False) -> Iterator[Application]:
    """An application for a command, with the schema brought up.

    :param as_served: the schema as it is, without plugins that the processes leave out because of theirs
    """
    from core.app import create_app
    from core.run import migrate
    from core.run.upgrade import bring_up

    app = create_app(config_of(context))
    with app.app_context():
        if as_served:
            migrate.leave_out_unmigrated(app.house)
        elif upgrade:
            for line in bring_up(app.house):
                click.echo(line, err=True)
        yield app.house


def prepare(config: configuration.Config, *, to: str = "head", i_have_one: bool = False) -> None:
    """Bring the schema up and give built-in roles the codes of new plugins, before anything serves.

    :raise Shadowed: another distribution ships a package of ours
    """
    from core.app import create_app
    from core.run import packages
    from core.run.upgrade import bring_up
    from core.tenancy import actions
    from core.tenancy.sessions import all_tenants
    from plugin_sdk.db import db

    packages.refuse()
    app = create_app(config)
    with app.app_context():
        for line in bring_up(app.house, to=to, i_have_one=i_have_one):
            click.echo(line, err=True)
        if to == "head":
            with all_tenants(write=True) as session:
                actions.refresh_builtin_roles(session, app.house)
        db.engine.dispose()


def commands() -> click.Group:
    """The group with the commands of every room."""
    from core.cli import audit, backup, data, database, people, plugins, reconcile, serve, work  # noqa: F401  each adds its commands to the group

    return cli
