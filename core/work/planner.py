"""What the database's planner must know to choose an index."""

from __future__ import annotations

from plugin_sdk.db import db


def learn() -> None:
    """Let SQLite look at how its tables have grown: without figures it walks a list's order where an index finds one row.

    PostgreSQL does this by itself.
    """
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
            connection.exec_driver_sql("ANALYZE")
            connection.commit()
