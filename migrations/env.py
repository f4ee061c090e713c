"""Run one owner's migrations: core's, or one plugin's. Called by core.run.migrate with an open connection."""

from __future__ import annotations

from alembic import context

from plugin_sdk.db import metadata

config = context.config
owner: str = config.attributes["owner"]
tables: frozenset[str] = config.attributes["tables"]


def mine(thing: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    """Autogenerate sees only its owner's tables."""
    table = name if kind == "table" else getattr(getattr(thing, "table", None), "name", None)
    return table in tables


context.configure(
    connection=config.attributes["connection"],
    target_metadata=metadata,
    version_table=f"alembic_version_{owner}",
    include_object=mine,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=False,
)
context.run_migrations()
