"""Commands on plugins."""

from __future__ import annotations

import click

from core.cli import cli, house_of


@cli.group()
def plugin() -> None:
    """Plugins."""


@plugin.command("list")
@click.pass_context
def plugin_list(context: click.Context) -> None:
    """Every installed plugin, its state and why."""
    with house_of(context, upgrade=False) as house:
        plugins = house.plugins
        for name in sorted({*plugins.found, *plugins.broken, *plugins.not_allowed}):
            click.echo(f"{name:<20} {plugins.state(name):<12} {plugins.distributions.get(name, '')} {plugins.broken.get(name, '')}".rstrip())
