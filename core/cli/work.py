"""Commands on work: what waits, what gave up, and another try."""

from __future__ import annotations

import click

from core.cli import cli, house_of


@cli.group()
def work() -> None:
    """Deliveries of events, and jobs."""


@work.command("list")
@click.option("--waiting", is_flag=True, help="Also what still waits or runs.")
@click.option("--tenant", "code")
@click.pass_context
def work_list(context: click.Context, waiting: bool, code: str | None) -> None:
    """What gave up: reference, tenant id, state, tries, since when, what, and the last error's class."""
    from core.tenancy.sessions import all_tenants
    from core.work import actions

    with house_of(context, upgrade=False) as house, all_tenants() as session:
        row = house.tenant_by_code(code) if code else None
        if code and row is None:
            raise click.UsageError(f"no tenant {code}")
        for line in actions.given_up(session, tenant_id=row.id if row else None, waiting=waiting):
            click.echo(
                f"{line.ref:<32} {line.tenant_id or '-':<6} {line.state:<8} {line.tries:<3} "
                f"{line.since.isoformat(timespec='seconds')} {line.what} {line.err}".rstrip()
            )


@work.command("retry")
@click.argument("refs", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything that gave up.")
@click.pass_context
def work_retry(context: click.Context, refs: tuple[str, ...], everything: bool) -> None:
    """Let REFS (delivery:N, job:ID) try again from the start."""
    from core.tenancy.sessions import all_tenants
    from core.work import actions

    if bool(refs) == everything:
        raise click.UsageError("say which, or --all")
    with house_of(context, upgrade=False), all_tenants(write=True) as session:
        if everything:
            click.echo(actions.retry_all(session))
        for ref in refs:
            actions.retry(session, ref)
            click.echo(ref)
