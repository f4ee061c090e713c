"""The product as others get it: a wheel, and environments that have it installed and no repository."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests import once
from tools import wheel

OUTSIDE = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
MODULES = ("pip", "pytest", "mypy")


@dataclass(frozen=True)
class Environment:
    """A virtual environment with ``telerad[server,sdk]`` from the wheel."""

    root: Path

    @property
    def python(self) -> Path:
        return self.root / "bin" / "python"

    @property
    def variables(self) -> dict[str, str]:
        """What a shell has in which the environment is active; pip asks no index and installs into here alone."""
        outer = {k: v for k, v in os.environ.items() if k not in OUTSIDE and not k.startswith(("TELERAD_", "PYTEST_"))}
        return {
            **outer, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}", "HOME": str(self.root / "home"), "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1",
        }

    def run(self, *command: str, cwd: Path, fails: bool = False, seconds: float = 120) -> str:
        """Run a command as in a terminal. :return: what it printed; the end of it is the message when it fails"""
        done = subprocess.run(
            command, cwd=cwd, env=self.variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds
        )
        assert (done.returncode != 0) is fails, f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-3000:]}"
        return done.stdout


@pytest.fixture(scope="session")
def built_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product's wheel, built once for all tests of packages."""
    place = tmp_path_factory.mktemp("wheel")
    once.copy_of(tmp_path_factory, "wheel", wheel.build, place)
    (made,) = place.glob("telerad-*.whl")
    return made


@pytest.fixture(scope="session")
def make_env(built_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Environment]:
    """Make an environment in a second or two: what others wrote is borrowed from the environment of this run.

    Its site-packages is named in a .pth, which reads no .pth of its own: the editable product stays outside.
    """
    numbers = count(1)

    def make() -> Environment:
        made = Environment(tmp_path_factory.mktemp(f"env{next(numbers)}"))
        venv.create(made.root, with_pip=False, symlinks=True)
        (made.root / "home").mkdir()
        inner = Path(sysconfig.get_path("purelib", vars={"base": str(made.root), "platbase": str(made.root)}))
        (inner / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        for name in MODULES:
            script = made.root / "bin" / name
            script.write_text(f'#!/bin/sh\nexec "{made.python}" -m {name} "$@"\n', encoding="utf-8")
            script.chmod(0o755)
        (made.root / "bin" / "ruff").symlink_to(Path(sys.executable).parent / "ruff")
        made.run("pip", "install", "--no-deps", "--ignore-installed", str(built_wheel), cwd=made.root)
        return made

    return make


@pytest.fixture(scope="session")
def fresh_env(make_env: Callable[[], Environment]) -> Environment:
    """One environment for tests that leave nothing in it that harms the next."""
    return make_env()
