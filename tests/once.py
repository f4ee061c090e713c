"""What is costly to make: made once in a run, whoever asks first, and copied for everybody else."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def copy_of(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object], into: Path) -> None:
    """Fill ``into`` with a copy of the folder that ``make`` fills; all workers of a run share one original."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    original = shared / f"once-{name}"
    with (shared / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not original.exists():
            unfinished = shared / f"once-{name}.part"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(mode=0o700)
            make(unfinished)
            unfinished.rename(original)
    shutil.copytree(original, into, dirs_exist_ok=True)
