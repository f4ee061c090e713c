"""Commands on backups: make, verify, put back, release, drill."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import cli, config_of, house_of
from plugin_sdk.errors import DomainError

if TYPE_CHECKING:
    from core.backup.verify import Findings

FOLDER = click.Path(path_type=Path)


@cli.group()
def backup() -> None:
    """Copies of database and files, made while the house works."""


@backup.command("key")
@click.argument("file", type=FOLDER)
def backup_key(file: Path) -> None:
    """Make a key in FILE; TELERAD_BACKUP_KEY names it. Keep it elsewhere: without it no backup opens."""
    from core.backup import vault

    click.echo(vault.make_key(file))


@backup.command("create")
@click.argument("folder", type=FOLDER)
@click.option("--base", type=FOLDER, help="An earlier backup: what it has is linked, not copied.")
@click.option("--series", is_flag=True, help="FOLDER holds backups: add one named by its time, based on the newest.")
@click.pass_context
def backup_create(context: click.Context, folder: Path, base: Path | None, series: bool) -> None:
    """Make a backup in the empty FOLDER and verify it; exit 1 when something is missing in it."""
    from core import clock
    from core.backup import create, record, vault

    if series and base is not None:
        raise click.UsageError("--series finds its base itself")
    with house_of(context, upgrade=False) as house:
        key, at = vault.vault_of(house.config.backup_key), clock.now()
        if series:
            base, over = record.newest(folder, key, until=at)
            for sentence in over:
                click.echo(f"passed over: {sentence}", err=True)
            folder = folder / f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03d}Z"
        found = create.create(house, folder, key, base=base)
    made = found.record
    click.echo(f"{made.id}: {made.files} files, {made.bytes} bytes, {made.copied} copied, {made.linked} linked")
    _say(context, found)


@backup.command("verify")
@click.argument("folder", type=FOLDER)
@click.option("--deep", is_flag=True, help="Read every file and compare its digest.")
@click.pass_context
def backup_verify(context: click.Context, folder: Path, deep: bool) -> None:
    """Compare a backup with its record without restoring it; exit 1 when they differ."""
    from core.backup import vault, verify

    found = verify.verify(folder, vault.vault_of(config_of(context).backup_key), deep=deep)
    click.echo(f"{found.record.id} of {found.record.made_at}: {found.files} files, {found.bytes} bytes")
    _say(context, found)


@cli.command()
@click.argument("path")
@click.option("--into", type=FOLDER, help="An empty data folder; TELERAD_DATABASE_URL must name an empty database.")
@click.option("--at", metavar="TIME", help="PATH holds backups: the newest one made by then, as 2026-11-25T09:00+08:00; UTC without a zone.")
@click.option("--damaged", is_flag=True, help="Go on when files of the backup are missing or changed; they are named.")
@click.option("--confirm", is_flag=True, help="With release: let everything go.")
@click.pass_context
def restore(context: click.Context, path: str, into: Path | None, at: str | None, damaged: bool, confirm: bool) -> None:
    """Put the backup PATH back --into an empty place; `restore release --confirm` then lets work go out again."""
    if path == "release":
        _release(context, confirm=confirm)
    elif into is None:
        raise click.UsageError("restore PATH --into DATA, or restore release --confirm")
    else:
        _restore(context, Path(path) if at is None else _until(context, Path(path), at), into, damaged=damaged)


def _until(context: click.Context, series: Path, text: str) -> Path:
    """The backup that a restore to a time takes: what came after it is not there."""
    from core.backup import record, vault

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text}: no time; as 2026-11-25T09:00+08:00", param_hint="--at") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    chosen, over = record.newest(series, vault.vault_of(config_of(context).backup_key), until=at)
    for sentence in over:
        click.echo(f"passed over: {sentence}", err=True)
    if chosen is None:
        raise DomainError(f"{series}: no backup made by {at.isoformat()}")
    click.echo(f"taken: {chosen.name}")
    return chosen


def _restore(context: click.Context, path: Path, into: Path, *, damaged: bool) -> None:
    from core.app import create_app
    from core.backup import restore, vault

    config = config_of(context, data=into)
    restored = restore.put_back(path, config.data, config.database_url, vault.vault_of(config.backup_key), damaged=damaged)
    app = create_app(config)
    with app.app_context():
        for line in restore.settle(app.house, restored):
            click.echo(line)
    if restored.faults:
        context.exit(1)


def _release(context: click.Context, *, confirm: bool) -> None:
    from core.backup import release

    with house_of(context, upgrade=False) as house:
        for line in release.report(house):
            click.echo(line)
        if not confirm:
            raise DomainError("look at the report above, then: telerad restore release --confirm")
        click.echo("released" if release.release(house) else "nothing was held")


@cli.command("drill")
@click.option("--in", "place", type=FOLDER, help="An empty folder with room for two copies; in the data folder otherwise.")
@click.pass_context
def drill_(context: click.Context, place: Path | None) -> None:
    """Back up, restore elsewhere, compare, and remove it all again; exit 1 when anything came back differently."""
    from core.backup import drill

    with house_of(context, upgrade=False) as house:
        done = drill.drill(house, place or house.config.data / "drill")
    click.echo(f"{done.files} files, {done.bytes} bytes; {done.images} images of {done.studies} studies compared")
    click.echo(", ".join(f"{stage} {ms} ms" for stage, ms in done.ms.items()))
    for problem in done.problems[:20]:
        click.echo(problem)
    if done.problems:
        context.exit(1)
    click.echo("passed")


def _say(context: click.Context, found: Findings) -> None:
    for problem in found.problems or []:
        click.echo(problem)
    if found.count > len(found.problems or []):
        click.echo(f"... {found.count} in all")
    if not found.good:
        context.exit(1)
    click.echo("verified")

