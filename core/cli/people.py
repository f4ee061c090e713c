"""Commands that make tenants, accounts and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from core.cli import cli, house_of
from plugin_sdk.errors import DomainError

if TYPE_CHECKING:
    from core.host.house import Application


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


@user.command("admit")
@click.argument("phone")
@click.option("--address", default="", help="Log in from this IP address without a captcha.")
@click.pass_context
def user_admit(context: click.Context, phone: str, address: str) -> None:
    """Take the locks of PHONE away; with an address, no captcha is asked there."""
    from core.accounts import actions

    with house_of(context):
        if not actions.admit(phone, address):
            raise DomainError(f"{phone}: no such account")
    click.echo(phone)


@user.command("disable")
@click.argument("phone")
@click.pass_context
def user_disable(context: click.Context, phone: str) -> None:
    """Shut the account of PHONE and end its sessions and remembered logins."""
    from core.accounts import actions
    from core.tenancy.sessions import all_tenants

    with house_of(context), all_tenants(write=True) as session:
        account = actions.by_phone(session, phone)
        if account is None:
            raise DomainError(f"{phone}: no such account")
        actions.disable(session, account.id, why="operator")
    click.echo(phone)


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
    from core.accounts import actions

    with house_of(context) as house:
        click.echo(actions.create_token(*_member(house, phone, code), days=days))


@token.command("revoke")
@click.argument("phone")
@click.argument("code")
@click.option("--tail", default="", help="Only the token that ends in these four characters.")
@click.pass_context
def token_revoke(context: click.Context, phone: str, code: str, tail: str) -> None:
    """Take the tokens of PHONE in tenant CODE away; prints how many."""
    from core.accounts import actions

    with house_of(context) as house:
        click.echo(actions.revoke_tokens(*_member(house, phone, code), tail=tail))


def _member(house: Application, phone: str, code: str) -> tuple[int, int]:
    """Account and tenant. :raise DomainError: no member"""
    from core.accounts import actions
    from core.host.house import member_permissions
    from core.tenancy.sessions import nobody

    row = house.tenant_by_code(code)
    with nobody() as session:
        account = actions.by_phone(session, phone)
    if row is None or account is None or member_permissions(row.id, account.id) is None:
        raise DomainError(f"{phone}: no member of {code}")
    return account.id, row.id
