"""Commands on the database's schema."""

from __future__ import annotations

import click

from core.cli import cli, config_of, house_of, prepare


@cli.group("db")
def database() -> None:
    """The database's schema."""


@database.command("upgrade")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--to", default="head", show_default=True, help="A revision; only its owner moves.")
@click.option("--i-have-one", is_flag=True, help="Go on without a snapshot or a fresh backup of ours.")
@click.pass_context
def db_upgrade(context: click.Context, dry_run: bool, to: str, i_have_one: bool) -> None:
    """Bring the schema up to date.

    A database with data is photographed first (SQLite) or needs a verified backup younger than 24 hours (PostgreSQL).
    """
    from core.run import migrate

    if not dry_run:
        prepare(config_of(context), to=to, i_have_one=i_have_one)
        return
    with house_of(context, upgrade=False) as house:
        for step in migrate.pending(house, to):
            click.echo(step)


@database.command("downgrade")
@click.argument("revision")
@click.option("--i-have-one", is_flag=True, help="Go on without a snapshot or a fresh backup of ours.")
@click.pass_context
def db_downgrade(context: click.Context, revision: str, i_have_one: bool) -> None:
    """Bring the owner of REVISION back to it. Columns and tables of later versions go with what they hold."""
    from core.run.upgrade import bring_down

    with house_of(context, upgrade=False) as house:
        for line in bring_down(house, revision, i_have_one=i_have_one):
            click.echo(line)


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
