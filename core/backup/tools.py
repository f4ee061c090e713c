"""PostgreSQL's own programs: where they are, how they are called, and what a dump holds without a server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.backup.vault import BackupRefused

_COPY = re.compile(r"COPY \S+ \((?P<columns>[^)]*)\) FROM stdin;")


@cache
def find(name: str, at_least: int) -> str:
    """The program ``name`` of a major version that reads what a server of ``at_least`` writes.

    :raise BackupRefused: there is none on the path, in Debian's folders or in the test server's package
    """
    spec = find_spec("pgserver")
    folders = [Path(p) / "pginstall" / "bin" for p in (spec.submodule_search_locations or [])] if spec else []
    places = [shutil.which(name), *sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), *(f / name for f in folders)]
    for place in places:
        if place and Path(place).exists() and _major(str(place)) >= at_least:
            return str(place)
    raise BackupRefused(f"{name} of PostgreSQL {at_least} or newer is not installed")


def address(url: sa.URL) -> str:
    """The database as libpq reads it, without the password."""
    return sa.URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, url.query
    ).render_as_string(hide_password=False)


def environment(url: sa.URL) -> dict[str, str]:
    """The password goes by the environment: arguments are seen by every user of the machine."""
    return {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}


def run(command: list[str], env: dict[str, str], pulse: Callable[[], None]) -> None:
    """Run a program to its end. :raise BackupRefused: it failed; carries its last line"""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=said)
        while True:
            try:
                status = process.wait(5)
                break
            except subprocess.TimeoutExpired:
                pulse()
            except BaseException:
                process.kill()
                process.wait()
                raise
        said.seek(0)
        if status:
            lines = said.read().strip().splitlines() or ["no answer"]
            raise BackupRefused(f"{Path(command[0]).name}: {lines[-1][:300]}")


def copied(file: Path, needed: int, table: str, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Rows of one table of a dump in custom format, as text; None for null."""
    command = [find("pg_restore", needed), "--data-only", f"--table={table}", "--file=-", str(file)]
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=said, text=True, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        names: list[str] | None = None
        for line in process.stdout:
            if names is None:
                if found := _COPY.match(line):
                    names = [n.strip().strip('"') for n in found["columns"].split(",")]
            elif line == "\\.\n":
                names = None
            else:
                row = dict(zip(names, line.rstrip("\n").split("\t"), strict=True))
                yield {c: None if row[c] == "\\N" else row[c] for c in columns}
        process.wait()
        said.seek(0)
        if process.returncode:
            raise BackupRefused(f"database: {(said.read().strip().splitlines() or ['no answer'])[-1][:300]}")


@cache
def _major(program: str) -> int:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0
