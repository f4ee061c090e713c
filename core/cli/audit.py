"""Commands on the operation log."""

from __future__ import annotations

import click

from core.cli import cli, house_of
from plugin_sdk.errors import DomainError


@cli.group()
def audit() -> None:
    """The operation log: verify its chains, anchor and archive them."""


@audit.command("verify")
@click.option("--tenant", "code", default="", help="Only this tenant's chains.")
@click.option("--chain", "chain", type=click.Choice(["ops", "views"]), default=None, help="Only this chain.")
@click.pass_context
def audit_verify(context: click.Context, code: str, chain: str | None) -> None:
    """Walk the chains against digests, heads and anchors; name each one's first bad entry and exit 1."""
    from core.audit.verify import WHY, verify

    bad = False
    with house_of(context, upgrade=False) as house:
        if code and house.tenant_by_code(code) is None:
            raise DomainError(f"no tenant {code}")
        for seen in verify(house, tenant=code, only=chain or ""):
            if seen.bad is None:
                click.echo(f"ok   {seen.tenant} {seen.chain}: {seen.entries} entries, anchored up to {seen.anchored}")
                continue
            bad = True
            since = f" (the last entry known to be good is {seen.bad.after})" if seen.bad.why == "anchor" else ""
            click.echo(f"BAD  {seen.tenant} {seen.chain}: entry {seen.bad.seq}: {WHY[seen.bad.why]}{since}")
    if bad:
        context.exit(1)


@audit.command("anchor")
@click.pass_context
def audit_anchor(context: click.Context) -> None:
    """Keep where every chain stands now, in the anchor file and with connected partners. The clock does it daily."""
    from core.audit.anchors import anchor

    with house_of(context) as house:
        click.echo(f"{anchor(house)} heads in {house.config.audit_anchors}")


@audit.command("archive")
@click.pass_context
def audit_archive(context: click.Context) -> None:
    """Move entries older than audit.keep_months to archive files. The clock does it monthly."""
    from core.audit.archive import archive

    with house_of(context) as house:
        click.echo(f"{archive(house)} entries to {house.config.audit_archive}")


@audit.command("unusual")
@click.option("--tenant", "code", default="", help="Only this tenant.")
@click.option("--days", type=click.IntRange(1, 1200), default=30, show_default=True)
@click.pass_context
def audit_unusual(context: click.Context, code: str, days: int) -> None:
    """Who looked at far more than colleagues, at night, or after leaving. Numbers to ask about, no verdicts."""
    from core.audit.unusual import SAID, unusual
    from core.tenancy.sessions import all_tenants

    with house_of(context, upgrade=False), all_tenants() as db:
        for seen in unusual(db, days=days, tenant=code):
            said = SAID[seen.what].format(number=seen.number, peers=seen.peers)
            click.echo(f"{seen.tenant} {seen.name or '?'} (account {seen.account_id}, {seen.role or 'no role'}): {said}")
