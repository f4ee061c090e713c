"""Run one owner's migrations: core's, or one plugin's. Called by core.run.migrate with an open connection."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from plugin_sdk.db import OpenEnum, UtcDateTime, metadata

config = context.config
owner: str = config.attributes["owner"]
tables: frozenset[str] = config.attributes["tables"]


def mine(thing: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
    """Autogenerate sees only its owner's tables."""
    table = name if kind == "table" else getattr(getattr(thing, "table", None), "name", None)
    return table in tables


def plain(kind: str, thing: object, autogen: object) -> str | bool:
    """Write our column types as what they are in the database, so that a version stands without our code."""
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, OpenEnum):
        return "sa.String(length=40)"
    if kind == "type" and isinstance(thing, sa.BigInteger):
        return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")'
    return False


context.configure(
    connection=config.attributes["connection"],
    target_metadata=metadata,
    version_table=f"alembic_version_{owner}",
    include_object=mine,
    render_as_batch=True,
    render_item=plain,
    compare_type=True,
    transaction_per_migration=False,
)
context.run_migrations()
