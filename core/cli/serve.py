"""Commands that serve: everything under one supervisor, or one part."""

from __future__ import annotations

from pathlib import Path

import click

from core.cli import cli, config_of, prepare


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
@click.option("--plugin", required=True, help="Its name; installed with pip install -e.")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder; .telerad-dev here otherwise. It stays.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--studies/--no-studies", default=True, help="Draw the demo studies at the first start.")
@click.option("--prepare", is_flag=True, hidden=True)
@click.option("--first", is_flag=True, hidden=True)
@click.pass_context
def dev(
    context: click.Context, plugin: str, data: Path | None, host: str, port: int, studies: bool, prepare: bool, first: bool
) -> None:
    """Everything around one plugin: demo tenants with it switched on, started again when one of its files changes."""
    from core.run import dev as making
    from core.web import logs

    if prepare:
        for line in making.ready(config_of(context), plugin, studies=studies, first=first):
            click.echo(line)
        return
    given = data or (context.obj or {}).get("data")
    making.source_of(plugin)
    logs.configure((config := config_of(context, data=given or Path(".telerad-dev"), log="warning")).log)
    click.echo(f"http://{host}:{port}  (Ctrl-C ends it; the data stays in {config.data})")
    making.Workshop(config, host=host, port=port, plugin=plugin, studies=studies).run()
