"""Commands on plugins: what is installed, who uses it, switches."""

from __future__ import annotations

from pathlib import Path

import click

from core.cli import cli, house_of
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l


@cli.group()
def plugin() -> None:
    """Plugins."""


@plugin.command("list")
@click.pass_context
def plugin_list(context: click.Context) -> None:
    """Every installed plugin: state, API level, distribution, tenants that use it, failures, and why it did not start."""
    from core.host import overview

    with house_of(context, as_served=True) as house:
        for line in overview.lines(overview.of_house(house)):
            click.echo(line)


@plugin.command("enable")
@click.argument("name")
@click.option("--tenant", "code", required=True)
@click.pass_context
def enable(context: click.Context, name: str, code: str) -> None:
    """Switch a plugin, and what it requires, on for one tenant."""
    from core.host import switches

    with house_of(context) as house, house.system_ctx(_tenant_id(house, code)) as ctx:
        for changed in switches.enable(ctx, name):
            click.echo(f"{code} {changed} on")


@plugin.command("disable")
@click.argument("name")
@click.option("--tenant", "code", required=True)
@click.option("--drain", is_flag=True, help="Begin nothing new, finish what is open, then switch off.")
@click.pass_context
def disable(context: click.Context, name: str, code: str, drain: bool) -> None:
    """Switch a plugin off for one tenant; its data stays."""
    from core.host import switches

    with house_of(context) as house, house.system_ctx(_tenant_id(house, code)) as ctx:
        (switches.drain if drain else switches.disable)(ctx, name)
        click.echo(f"{code} {name} {switches.state_of(ctx, name)}")


@plugin.command("purge")
@click.argument("name")
@click.option("--export", "export", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where its rows go first.")
@click.option("--confirm", required=True, help="The plugin's name once more: this cannot be undone.")
@click.pass_context
def purge(context: click.Context, name: str, export: Path, confirm: str) -> None:
    """Write all rows of a plugin to a file, then drop its tables. Works for one that is no longer installed."""
    from core.host import purge as purging

    if confirm != name:
        raise click.UsageError("--confirm must repeat the plugin's name")
    if export.exists():
        raise click.UsageError(f"{export} exists")
    with house_of(context) as house:
        for table, rows in purging.purge(house, name, export).items():
            click.echo(f"{table} {rows}")
    click.echo(str(export))


def _tenant_id(house: object, code: str) -> int:
    row = house.tenant_by_code(code)  # type: ignore[attr-defined]
    if row is None:
        raise DomainError(_l("没有此机构"))
    return int(row.id)
