"""Commands on what the house holds: demo data, images, its health."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core.cli import cli, house_of

WORDS = {"ok": "ok  ", "warn": "warn", "bad": "BAD "}


@cli.command()
@click.option("--studies/--no-studies", default=True, help="Draw and store the demo studies too.")
@click.pass_context
def demo(context: click.Context, studies: bool) -> None:
    """A demo hospital and diagnosis group, their people and studies; safe to run twice."""
    from core.demo import seed

    with house_of(context) as house:
        for line in seed.seed(house, studies=studies):
            click.echo(line)


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


@cli.command()
@click.option("--deep", is_flag=True, help="Also check every invariant and every byte of the store.")
@click.pass_context
def doctor(context: click.Context, deep: bool) -> None:
    """Look at configuration, plugins, packages, storage, queue, database and work; exit 1 if anything is wrong."""
    from core.run.doctor import examine

    with house_of(context, as_served=True) as house:
        bad = False
        for found in examine(house, deep=deep):
            click.echo(f"{WORDS[found.level]} {found.name}: {found.said}")
            bad = bad or not found.ok
    if bad:
        context.exit(1)
