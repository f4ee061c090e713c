"""A real PostgreSQL for a while, in a folder of its own.

Not below pytest's: that one is closed to others again by the next session that starts, and the server, which is not root,
would lose its own files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running() -> Iterator[str]:
    """:return: the URL of a new, empty database"""
    import pgserver

    with tempfile.TemporaryDirectory(prefix="telerad-pg-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(Path(folder) / "pg", cleanup_mode="delete")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            server.cleanup()
