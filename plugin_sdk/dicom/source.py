"""Random access to a file's bytes without loading it, and deflated data sets unpacked within bounds (PS3.5, A.5)."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from .refusals import HeldBack, Refused

WINDOW = 128 * 1024
MAX_INFLATED = 512 * 1024 * 1024
MAX_RATIO, RATIO_FROM = 200, 10 * 1024 * 1024


class Source:
    """Bytes by offset. Small reads come from one window that moves with them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        self._start, self._window = 0, b""

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the end of the file."""
        if length > WINDOW:
            self._file.seek(offset)
            return self._file.read(length)
        at = offset - self._start
        if at < 0 or at + length > len(self._window):
            self._file.seek(offset)
            self._start, self._window, at = offset, self._file.read(WINDOW), 0
        return self._window[at : at + length]


@contextmanager
def inflated(source: Source, offset: int) -> Iterator[IO[bytes]]:
    """Unpack a deflated data set into a temporary file (in memory up to 16 MB) that lives as long as the block.

    :raise Refused: `inflates_too_far` past 512 MB, or past 200 times its size once 10 MB came out
    :raise HeldBack: `truncated` when the stream stops early, `unreadable` when it is none
    """
    with tempfile.SpooledTemporaryFile(max_size=16 * 1024 * 1024) as out:
        made, packed = 0, max(1, source.size - offset)
        for part in _parts(source, offset):
            made += len(part)
            if made > MAX_INFLATED or (made > RATIO_FROM and made > MAX_RATIO * packed):
                raise Refused("inflates_too_far")
            out.write(part)
        yield out


def _parts(source: Source, offset: int) -> Iterator[bytes]:
    engine, position, pending = zlib.decompressobj(-15), offset, b""
    while not engine.eof:
        if not pending:
            pending = source.read(position, 64 * 1024)
            position += len(pending)
        at_end = not pending
        try:
            part = engine.decompress(pending, 1024 * 1024)
        except zlib.error:
            raise HeldBack("unreadable", "deflate stream") from None
        pending = engine.unconsumed_tail
        if at_end and not part and not engine.eof:
            raise HeldBack("truncated", "deflate stream")
        yield part
