"""Commands on the database's schema."""

from __future__ import annotations

import click

from core.cli import cli, config_of, house_of, prepare


@cli.group("db")
def database() -> None:
    """The database's schema."""


@database.command("upgrade")
@click.pass_context
def db_upgrade(context: click.Context) -> None:
    """Bring the schema up to date."""
    prepare(config_of(context))


@database.command("check")
@click.pass_context
def db_check(context: click.Context) -> None:
    """Say where models and database differ; exit 1 if they do."""
    from core.run import migrate

    with house_of(context, upgrade=False) as house:
        if found := migrate.differences(house):
            click.echo("\n".join(map(str, found)))
            context.exit(1)


@database.command("revision")
@click.argument("owner")
@click.argument("message")
@click.pass_context
def db_revision(context: click.Context, owner: str, message: str) -> None:
    """Write a migration from the difference between models and database."""
    from core.run import migrate

    with house_of(context) as house:
        migrate.revision(house, owner, message)
