"""``telerad`` as a script sees it, in a fork of the test's process, which has imported what a command needs."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping
from typing import NoReturn

from core.cli import main


def telerad(variables: Mapping[str, str], *args: str) -> tuple[int, str, str]:
    """Run a command with these variables of TELERAD_ and no others. :return: how it ended, and what it wrote to either side"""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if (pid := os.fork()) == 0:
            _become(variables, args, out.fileno(), err.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0)
        err.seek(0)
        return status, out.read().decode(), err.read().decode()


def _become(variables: Mapping[str, str], args: tuple[str, ...], out: int, err: int) -> NoReturn:
    """Be the command, and never come back."""
    status = 70
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
        for name in [name for name in os.environ if name.startswith("TELERAD_")]:
            del os.environ[name]
        os.environ.update({"TELERAD_LOG": "error", **variables})
        logging.getLogger().handlers.clear()
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        sys.argv = ["telerad", *args]
        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
