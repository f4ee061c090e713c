"""The tutorial is run as it stands: its files are written, its commands typed, in an empty folder and a new environment."""

from __future__ import annotations

import http.client
import os
import re
import shlex
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packaging.conftest import Environment

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/plugins/tutorial.md"
BLOCK = re.compile(r"^```(\w+) ?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
PATIENCE = 240.0


def interrupted(env: Environment, command: str, cwd: Path) -> None:
    """Start it, wait until it serves, press Ctrl-C."""
    words = shlex.split(command)
    log = cwd.parent / "log"
    with log.open("w") as out:
        process = subprocess.Popen(words, cwd=cwd, env=env.variables, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            end = time.monotonic() + PATIENCE
            while not _serves(words[words.index("--port") + 1]):
                assert process.poll() is None and time.monotonic() < end, log.read_text(encoding="utf-8")
                time.sleep(0.3)
            assert f"{words[words.index('--plugin') + 1]} is on for the demo tenants" in log.read_text(encoding="utf-8")
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(60) == 0, log.read_text(encoding="utf-8")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _serves(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as answer:
            return int(answer.status) == 200
    except (OSError, http.client.HTTPException):
        return False


@pytest.mark.slow
def test_the_half_hour_runs_as_it_is_written(make_env: Callable[[], Environment], tmp_path: Path) -> None:
    env, cwd, ran = make_env(), tmp_path, []
    for language, how, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language != "sh":
            (cwd / how).write_text(text, encoding="utf-8")
            continue
        for line in text.splitlines():
            if line.startswith("cd "):
                cwd = cwd / line.removeprefix("cd ")
            elif how == "until Ctrl-C":
                interrupted(env, line, cwd)
            else:
                env.run(*shlex.split(line), cwd=cwd, fails=how == "fails", seconds=300)
            ran.append(line.split()[0:3])
    assert ["telerad", "plugin", "check"] in ran and ran[0] == ["pip", "install", '"telerad[sdk]"']


def test_the_pages_of_plugin_authors_lead_somewhere() -> None:
    for page in (PAGE, PAGE.parent / "compatibility.md", PAGE.parent.parent / "plugins.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), (page.name, link)
