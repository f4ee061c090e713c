"""Decoded pixels, made in children that may die of a file: pictures by intake's, native frames by a short-lived one."""

from __future__ import annotations

import io
import logging
import os
import queue
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core import limits
from core.dicomweb.queries import StoredObject
from core.dicomweb.refusals import NotAcceptable
from core.dicomweb.transcode import LENGTH
from core.intake.child import ChildDied, Parser
from plugin_sdk.dicom.refusals import HeldBack, Refused
from plugin_sdk.dicom.render import CannotRender, Window

log = logging.getLogger(__name__)
WALL_SECONDS = 60
CHILDREN = 2
CHUNK = 1024 * 1024
_PASSED = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "PYTHONPATH")
_idle: queue.LifoQueue[Parser] = queue.LifoQueue()
for _ in range(CHILDREN):
    _idle.put(Parser())


class CannotDecode(NotAcceptable):
    """No decoder takes this object; as stored it can still be had."""


def png(path: Path, item: StoredObject, frame: int, window: Window | None) -> bytes:
    """Draw a frame, counted from 0.

    :raise CannotDecode: it is no picture, or a decoder did not survive it
    """
    with _child() as child:
        try:
            return child.render_png(path, frame, window)
        except (CannotRender, ChildDied, Refused, HeldBack) as error:
            log.info("frame not drawn", extra={"instance_id": item.id, "error": type(error).__name__})
            raise CannotDecode from error


@contextmanager
def _child() -> Iterator[Parser]:
    """Borrow a child. At most ``CHILDREN`` draw at once in this process, because a decoder takes a whole core."""
    child = _idle.get()
    try:
        yield child
    finally:
        _idle.put(child)


def frames(path: Path, item: StoredObject, indices: Sequence[int]) -> list[bytes]:
    """Frames counted from 0 as native little-endian bytes. :raise CannotDecode:"""
    with _transcoded("frames", path, item, indices) as out:
        found = []
        while head := out.read(LENGTH.size):
            found.append(out.read(LENGTH.unpack(head)[0]))
    if len(found) != len(indices):
        raise CannotDecode
    return found


def whole(path: Path, item: StoredObject) -> Iterator[bytes]:
    """The object in Explicit VR Little Endian; decoded before the first byte is given. :raise CannotDecode:"""
    with _transcoded("object", path, item, ()) as out:
        while part := out.read(CHUNK):
            yield part


@contextmanager
def _transcoded(what: str, path: Path, item: StoredObject, indices: Sequence[int]) -> Iterator[IO[bytes]]:
    most = limits.current()
    command = [sys.executable, "-m", "core.dicomweb.transcode", str(most.child_memory), str(most.child_cpu), what, os.fspath(path), item.transfer_syntax,
               str(max(1, item.n_frames)), *map(str, indices)]
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    with tempfile.TemporaryFile() as out:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL, timeout=WALL_SECONDS,
                env={**environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}, check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CannotDecode from error
        if done.returncode != 0:
            log.info("object not decoded", extra={"instance_id": item.id, "number": done.returncode})
            raise CannotDecode
        out.seek(0, io.SEEK_SET)
        yield out
