"""Bring a database with data up only with a way back: SQLite is photographed first, PostgreSQL needs a fresh backup."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core import clock
from core.backup import overdue, snapshot
from core.run import migrate
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work.models import Lease
from plugin_sdk.db import db
from plugin_sdk.errors import DomainError

if TYPE_CHECKING:
    from core.host.house import Application

FRESH = timedelta(hours=24)


class UpgradeRefused(DomainError):
    """The database is not touched; the sentence says what is missing."""


def bring_up(house: Application, *, to: str = "head", i_have_one: bool = False) -> Iterator[str]:
    """Upgrade what is behind, saying each step. Nothing to do asks nothing.

    :param to: a revision (``core_0002``: only its owner moves) or ``head`` of every owner
    :raise UpgradeRefused: a database with data and no way back
    """
    if not (steps := migrate.pending(house, to)):
        return
    if _has_data():
        yield from _way_back(house, "+".join(s.to for s in steps), i_have_one=i_have_one)
    yield from map(str, steps)
    if to == "head":
        migrate.upgrade(house)
    else:
        migrate.upgrade(house, to, only=steps[0].owner)


def bring_down(house: Application, revision: str, *, i_have_one: bool = False) -> Iterator[str]:
    """Go back to a version of its owner; what later versions hold is lost. Raises as `bring_up`, and NoRevision."""
    owner = migrate.owner_of(house, revision)[0]
    yield from _way_back(house, revision, i_have_one=i_have_one)
    migrate.downgrade(house, owner, revision)
    yield f"{owner}: {revision}"


def _has_data() -> bool:
    if not sa.inspect(db.engine).has_table("tenant"):
        return False
    with all_tenants() as session:
        return session.scalar(sa.select(Tenant.id).limit(1)) is not None


def _way_back(house: Application, to: str, *, i_have_one: bool) -> Iterator[str]:
    """A snapshot per change: one that is tried again writes over its own."""
    if i_have_one:
        return
    if db.engine.dialect.name == "sqlite":
        path = house.config.data / f"before-{to}.db"
        beside = path.with_suffix(".tmp")
        beside.unlink(missing_ok=True)
        snapshot.take(db.engine, beside, lambda: None)
        beside.replace(path)
        yield f"snapshot {path}"
        return
    made = None
    if sa.inspect(db.engine).has_table(Lease.__tablename__):
        with all_tenants() as session:
            made = session.scalar(sa.select(Lease.ran_at).where(Lease.name == overdue.VERIFIED))
    if made is None or clock.now() - made > FRESH:
        raise UpgradeRefused(
            "the schema is to change and no verified backup is younger than 24 hours: telerad backup create FOLDER, "
            "or --i-have-one"
        )
