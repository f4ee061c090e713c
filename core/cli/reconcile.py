"""Commands that compare database and store."""

from __future__ import annotations

from pathlib import Path

import click

from core.cli import cli, house_of


@cli.command()
@click.option("--deep", is_flag=True, help="Read every file and compare its digest.")
@click.option("--repair", is_flag=True, help="Mend what needs no guess; nothing is deleted.")
@click.option("--tenant", "code", help="One hospital or group only.")
@click.option("--backup", type=click.Path(path_type=Path), help="With --repair: where missing files are taken from.")
@click.pass_context
def reconcile(context: click.Context, deep: bool, repair: bool, code: str | None, backup: Path | None) -> None:
    """Compare database, store and manifests, one line per difference; exit 1 when any is left."""
    from core.backup.vault import vault_of
    from core.reconcile import run

    with house_of(context, upgrade=False) as house:
        if code is not None and house.tenant_by_code(code) is None:
            raise click.UsageError(f"no tenant {code}")
        left = 0
        vault = vault_of(house.config.backup_key)
        for found in run.reconcile(house, deep=deep, repair=repair, code=code, backup=backup, vault=vault):
            click.echo(found)
            left += not found.mended
    if left:
        context.exit(1)


@cli.command("rebuild-index")
@click.option("--tenant", "code", help="One hospital only.")
@click.pass_context
def rebuild_index(context: click.Context, code: str | None) -> None:
    """Make the rows of studies again out of images and manifests, when the database was lost; exit 1 when any is left.

    Stop everything else first, and make the hospitals under their old codes.
    """
    from core.reconcile import rebuild

    with house_of(context, upgrade=True) as house:
        if code is not None and house.tenant_by_code(code) is None:
            raise click.UsageError(f"no tenant {code}")
        adopted = left = 0
        for found in rebuild.rebuild(house, code=code):
            if found.kind == "bytes.no_row" and found.mended:
                adopted += 1
                continue
            click.echo(found)
            left += not found.mended
    click.echo(f"{adopted} files have their rows again")
    if left:
        context.exit(1)
