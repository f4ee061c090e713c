"""Compiled templates, kept where Python keeps compiled modules, so that a new process does not compile each page again.

As with modules: what the installation's owner can write is written, and who may not write there compiles for himself.
Stale ones are told by the digest of their source (Jinja's own).
"""

from __future__ import annotations

import os
import sys
from importlib.util import cache_from_source
from pathlib import Path

from flask import Flask
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

import core


class CompiledTemplates(FileSystemBytecodeCache):
    """Jinja's cache of files in a folder, which may be missing or belong to somebody else."""

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except OSError:
            return                                        # compiled again

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        try:
            Path(self.directory).mkdir(parents=True, exist_ok=True)
            super().dump_bytecode(bucket)
        except OSError:
            return                                        # not ours to write, or no room: compiled again next time


def folder() -> Path:
    """Beside core's compiled modules, below the version of Python's bytecode."""
    return Path(cache_from_source(os.fspath(core.__file__))).parent / f"templates-{sys.implementation.cache_tag}"


def install(app: Flask) -> None:
    app.jinja_env.bytecode_cache = CompiledTemplates(os.fspath(folder()))
