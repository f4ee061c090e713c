"""A real PostgreSQL for a while, in a folder of its own.

Not below pytest's: that one is closed to others again by the next session that starts, and the server, which is not root,
would lose its own files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONNECTIONS = 500
"""Many tests make a house of their own beside the others, each with its pool."""


HASTY = ("fsync", "synchronous_commit", "full_page_writes")


@contextmanager
def running(*, durable: bool = False) -> Iterator[str]:
    """:param durable: wait for the disk; without it only a fall of the machine could lose what was committed

    :return: the URL of a new, empty database
    """
    import pgserver

    with tempfile.TemporaryDirectory(prefix="telerad-pg-", ignore_cleanup_errors=True) as folder:
        place = Path(folder) / "pg"
        first = pgserver.get_server(place, cleanup_mode="stop")
        first.psql(f"ALTER SYSTEM SET max_connections = {CONNECTIONS}")  # in force from the next start
        for setting in () if durable else HASTY:
            first.psql(f"ALTER SYSTEM SET {setting} = off")
        first.cleanup()
        server = pgserver.get_server(place, cleanup_mode="delete")
        try:
            yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            server.cleanup()
