"""``telerad``: thin commands over the same actions as pages and API. Exit codes: 0 done, 1 refused, 2 usage."""

from __future__ import annotations

import json
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


@click.group()
@click.option("--data", type=click.Path(path_type=Path), help="Data folder; TELERAD_DATA otherwise.")
@click.pass_context
def cli(context: click.Context, data: Path | None) -> None:
    """Teleradiology: one hospital's images, another house's report."""
    context.obj = {"data": data}


def main() -> None:
    """Run a command; a refusal is one sentence on stderr and exit code 1."""
    try:
        sys.exit(cli(standalone_mode=False))  # a command that calls context.exit(n) comes back as n
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
def house_of(context: click.Context, *, upgrade: bool = True) -> Iterator[Application]:
    """An application for a command, with the schema brought up."""
    from core.app import create_app
    from core.run import migrate

    app = create_app(config_of(context))
    with app.app_context():
        if upgrade:
            migrate.upgrade(app.house)
        yield app.house


@cli.command()
@click.option("--data", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--dicom-port", default=11112, show_default=True, help="Kept for the DICOM receiver.")
@click.pass_context
def run(context: click.Context, data: Path | None, host: str, port: int, dicom_port: int) -> None:
    """All parts as supervised children, nothing else to install."""
    from core.run.supervisor import Supervisor
    from core.web import logs

    logs.configure((config := config_of(context, data=data)).log)
    prepare(config)
    click.echo(f"http://{host}:{port}")
    Supervisor(config, host=host, port=port).run()


def prepare(config: configuration.Config) -> None:
    """Bring the schema up and give built-in roles the codes of new plugins, before anything serves."""
    from core.app import create_app
    from core.run import migrate
    from core.tenancy import actions
    from core.tenancy.sessions import all_tenants
    from plugin_sdk.db import db

    app = create_app(config)
    with app.app_context():
        migrate.upgrade(app.house)
        with all_tenants(write=True) as session:
            actions.refresh_builtin_roles(session, app.house)
        db.engine.dispose()


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.pass_context
def web(context: click.Context, host: str, port: int) -> None:
    """Serve pages, API and DICOMweb."""
    from core.run import processes

    processes.web(config_of(context), host=host, port=port)


@cli.command()
@click.pass_context
def worker(context: click.Context) -> None:
    """Run jobs."""
    from core.run import processes

    processes.worker(config_of(context))


@cli.command()
@click.pass_context
def clock(context: click.Context) -> None:
    """Feed deliveries, timers and cron; one works at a time."""
    from core.run import processes

    processes.clock(config_of(context))


@cli.command()
@click.option("--studies/--no-studies", default=True, help="Draw and store the demo studies too.")
@click.pass_context
def demo(context: click.Context, studies: bool) -> None:
    """A demo hospital and diagnosis group, their people and studies; safe to run twice."""
    from core.demo import seed

    with house_of(context) as house:
        for line in seed.seed(house, studies=studies):
            click.echo(line)


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


@cli.group()
def tenant() -> None:
    """Hospitals and diagnosis groups."""


@tenant.command("create")
@click.argument("code")
@click.option("--kind", type=click.Choice(["hospital", "group"]), required=True)
@click.option("--name", required=True)
@click.pass_context
def tenant_create(context: click.Context, code: str, kind: str, name: str) -> None:
    """Make a hospital or a group."""
    from core.tenancy import actions
    from core.tenancy.sessions import all_tenants

    with house_of(context) as house, all_tenants(write=True) as session:
        actions.create(session, house, code=code, kind=kind, name=name)
    click.echo(code)


@cli.group()
def user() -> None:
    """Accounts."""


@user.command("create")
@click.argument("phone")
@click.option("--name", required=True)
@click.option("--tenant", "tenant_code")
@click.option("--role")
@click.option("--platform", type=click.Choice(["operator", "security", "auditor"]))
@click.pass_context
def user_create(
    context: click.Context, phone: str, name: str, tenant_code: str | None, role: str | None, platform: str | None
) -> None:
    """Make an account and print its first password, once; it must be changed at the first login."""
    from core.accounts import actions, passwords
    from core.tenancy import actions as tenancy
    from core.tenancy.sessions import all_tenants

    if bool(tenant_code) != bool(role):
        raise click.UsageError("--tenant and --role belong together")
    password = passwords.first_password()
    with house_of(context) as house, all_tenants(write=True) as session:
        known = actions.by_phone(session, phone) is not None
        account = actions.create(session, phone=phone, name=name, password=password, must_change=True)
        if platform:
            account.platform_role = platform
        if tenant_code and role:
            row = house.tenant_by_code(tenant_code)
            if row is None:
                raise click.UsageError(f"no tenant {tenant_code}")
            tenancy.join(session, tenant=row, account_id=account.id, role=role)
    click.echo(phone if known else f"{phone} {password}")


@cli.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@click.argument("phone")
@click.argument("code")
@click.option("--days", type=click.IntRange(1, 3650))
@click.pass_context
def token_create(context: click.Context, phone: str, code: str, days: int | None) -> None:
    """Print a token that acts as PHONE in tenant CODE, once."""
    from core.accounts import actions, login
    from core.host.house import member_permissions
    from core.tenancy.sessions import nobody

    with house_of(context) as house:
        row = house.tenant_by_code(code)
        with nobody() as session:
            account = actions.by_phone(session, phone)
        if row is None or account is None or member_permissions(row.id, account.id) is None:
            raise DomainError(f"{phone}: no member of {code}")
        click.echo(login.make_token(account.id, row.id, days=days))


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--tenant", "code", required=True)
@click.pass_context
def ingest(context: click.Context, paths: tuple[Path, ...], code: str) -> None:
    """Store files, folders and zips; one JSON line per file, then one with the counts."""
    from core.intake.command import ingest_paths

    with house_of(context) as house:
        for line in ingest_paths(house, code, list(paths)):
            click.echo(json.dumps(line, ensure_ascii=False))


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


@cli.command()
@click.pass_context
def doctor(context: click.Context) -> None:
    """Look at configuration, plugins, schema, queue and storage; exit 1 if anything is wrong."""
    from core.run.doctor import examine

    with house_of(context, upgrade=False) as house:
        bad = False
        for name, ok, said in examine(house):
            click.echo(f"{'ok  ' if ok else 'BAD '} {name}: {said}")
            bad = bad or not ok
    if bad:
        context.exit(1)


if __name__ == "__main__":
    main()
