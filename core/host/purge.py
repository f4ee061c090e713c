"""Remove all that a plugin stored, after writing it to a file. The plugin may be gone already: its tables bear its name."""

from __future__ import annotations

import gzip
import json
import os
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from core.host import overview
from core.host.models import PluginFault
from core.tenancy.models import Setting, Tenant
from core.tenancy.sessions import WRITE, all_tenants
from core.work.models import CoreTimer, Delivery, Job
from plugin_sdk.db import db, metadata
from plugin_sdk.errors import Conflict, DomainError
from plugin_sdk.i18n import lazy as _l

if TYPE_CHECKING:
    from core.host.house import Application


VERSIONS = "alembic_version_"


class StillOn(Conflict):
    """:param tenants: codes of tenants that have it on or draining"""

    code, sentence = "refused-by-plugin", _l("仍有机构启用此插件")


class NotPurgeable(DomainError):
    sentence = _l("没有此插件的数据")


def purge(house: Application, name: str, export: Path) -> dict[str, int]:
    """Export every row of a plugin to ``export`` (gzip of JSON lines), then drop its tables and forget it.

    :return: rows by table
    :raise StillOn: a tenant uses it; :raise NotPurgeable: nothing is stored under this name
    :raise FileExistsError: ``export`` exists; nothing was removed
    """
    with all_tenants() as session:
        states = session.execute(sa.select(Tenant.code, Tenant.plugins)).all()
    if users := sorted(code for code, plugins in states if name in plugins):
        raise StillOn(tenants=users)
    tables = tables_of(house, name)
    if not tables:
        raise NotPurgeable
    counts = _export(tables, export)
    with db.engine.connect().execution_options(**WRITE) as connection:
        raw = connection.connection.dbapi_connection if connection.dialect.name == "sqlite" else None
        if raw is not None:
            raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                _drop(connection, tables, name)
        finally:
            if raw is not None:
                raw.execute("PRAGMA foreign_keys=ON")
    _forget(name)
    return counts


def tables_of(house: Application, name: str) -> list[str]:
    """Tables that bear a plugin's prefix in the database, and no longer prefix of another plugin, installed or not."""
    others = [f"{n}_" for n in known(house) if n != name and n.startswith(f"{name}_")]
    core = {t for t in metadata.tables if not any(t.startswith(f"{n}_") for n in house.plugins.found)}
    with db.engine.connect() as connection:
        have = sa.inspect(connection).get_table_names()
    kept = ("alembic_version", *others)
    return sorted(t for t in have if t.startswith(f"{name}_") and t not in core and not t.startswith(kept))


def known(house: Application) -> set[str]:
    """Every plugin that this house has heard of: installed, switched on somewhere, or once migrated."""
    with db.engine.connect() as connection:
        migrated = {t.removeprefix(VERSIONS) for t in sa.inspect(connection).get_table_names() if t.startswith(VERSIONS)}
    return (overview.known(house) | migrated) - {"core"}


def _export(tables: list[str], path: Path) -> dict[str, int]:
    """Rows as they stand, one JSON object a line, read in one transaction; on disk before anything is removed."""
    counts: dict[str, int] = {}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with gzip.open(file, "wt", encoding="utf-8") as lines, db.engine.connect() as connection:
            for name in tables:
                counts[name] = 0
                for row in connection.execute(sa.text(f'SELECT * FROM "{name}"')).mappings():
                    lines.write(json.dumps({"table": name, **row}, ensure_ascii=False, default=_plain) + "\n")
                    counts[name] += 1
        file.flush()
        os.fsync(file.fileno())
    return counts


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else value.hex() if isinstance(value, bytes) else str(value)


def _drop(connection: Connection, tables: list[str], name: str) -> None:
    cascade = " CASCADE" if connection.dialect.name == "postgresql" else ""
    for table in [*tables, f"alembic_version_{name}"]:
        connection.execute(sa.text(f'DROP TABLE IF EXISTS "{table}"{cascade}'))


def _forget(name: str) -> None:
    with all_tenants(write=True) as session:
        session.execute(sa.delete(Setting).where(Setting.name.startswith(f"{name}.", autoescape=True)))
        session.execute(sa.delete(PluginFault).where(PluginFault.plugin == name))
        session.execute(sa.delete(CoreTimer).where(CoreTimer.plugin == name, CoreTimer.state == "waiting"))
        session.execute(sa.delete(Delivery).where(Delivery.plugin == name, Delivery.state != "done"))
        session.execute(
            sa.delete(Job).where(Job.name.startswith(f"{name}.", autoescape=True), Job.state.in_(("queued", "running")))
        )


