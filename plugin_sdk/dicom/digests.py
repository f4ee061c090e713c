"""The two digests of an object: of every byte, and of the data set alone."""

from __future__ import annotations

import hashlib
from os import PathLike

CHUNK = 1024 * 1024


def digests(path: str | PathLike[str], dataset_offset: int) -> tuple[str, str]:
    """Read a file once and return (sha256, data_sha256) in lower-case hex.

    :param dataset_offset: first byte after the file meta information, as `guard.check` found it; a deflated data set
        is digested as deflated
    """
    whole, data, position = hashlib.sha256(), hashlib.sha256(), 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            whole.update(chunk)
            if (skip := dataset_offset - position) <= 0:
                data.update(chunk)
            elif skip < len(chunk):
                data.update(memoryview(chunk)[skip:])
            position += len(chunk)
    return whole.hexdigest(), data.hexdigest()
