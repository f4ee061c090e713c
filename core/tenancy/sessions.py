"""Database sessions that know whose they are.

Three kinds: of a tenant (every ORM statement gets the tenant's criterion, every flush is checked), of all tenants
(workers, platform pages, start-up; asked for by name), and of nobody (accounts and sessions only). A session is made
for one and never switched: the identity map would leak.

SQLite: a session that may write begins IMMEDIATE, a reading one is deferred and refuses to flush.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.pool import ConnectionPoolEntry

from plugin_sdk.db import TenantMixin, TwoPartyMixin, db
from plugin_sdk.types import Side

WRITE = {"telerad_begin": "BEGIN IMMEDIATE"}


class ScopeError(RuntimeError):
    """Code asked for rows outside its scope: a programming error, never an answer to a person."""


class TenantSession(Session):
    """A session of one tenant and one side."""

    def __init__(self, bind: Engine | Connection, *, tenant_id: int, side: Side, write: bool, **kw: Any) -> None:
        super().__init__(bind, expire_on_commit=False, autoflush=True, **kw)
        self.info.update(tenant_id=tenant_id, side=side, write=write)


class HouseSession(Session):
    """A session without a tenant's criterion."""

    def __init__(self, bind: Engine | Connection, *, write: bool, all_tenants: bool) -> None:
        super().__init__(bind, expire_on_commit=False, autoflush=True)
        self.info.update(write=write, all_tenants=all_tenants)


def engine(write: bool) -> Engine:
    return db.engine.execution_options(**WRITE) if write else db.engine


def tenant_session(tenant_id: int, side: Side, *, write: bool) -> TenantSession:
    return TenantSession(engine(write), tenant_id=tenant_id, side=side, write=write)


@contextmanager
def all_tenants(*, write: bool = False) -> Iterator[HouseSession]:
    """Open a session over every tenant. Commits at the end when it may write, rolls back on an error."""
    with HouseSession(engine(write), write=write, all_tenants=True) as session:
        yield session
        if write:
            session.commit()


@contextmanager
def nobody(*, write: bool = False) -> Iterator[HouseSession]:
    """Open a session for rows of no tenant: accounts, sessions, leases. Tenant rows are refused."""
    with HouseSession(engine(write), write=write, all_tenants=False) as session:
        yield session
        if write:
            session.commit()


@event.listens_for(TenantSession, "do_orm_execute")
def _scope(state: ORMExecuteState) -> None:
    """Narrow selects, updates and deletes, relationship loads and aliases included."""
    if state.is_insert:
        raise ScopeError("ORM bulk insert: use session.add, or tenancy.insert_all")
    tenant_id, side = state.session.info["tenant_id"], state.session.info["side"]
    if side == "hospital":
        two = with_loader_criteria(TwoPartyMixin, lambda c: c.hospital_id == tenant_id, include_aliases=True)
    else:
        two = with_loader_criteria(TwoPartyMixin, lambda c: c.group_id == tenant_id, include_aliases=True)
    one = with_loader_criteria(TenantMixin, lambda c: c.tenant_id == tenant_id, include_aliases=True)
    state.statement = state.statement.options(one, two)


@event.listens_for(HouseSession, "do_orm_execute")
def _nobody(state: ORMExecuteState) -> None:
    if state.session.info["all_tenants"]:
        return
    for mapper in state.all_mappers:
        if issubclass(mapper.class_, TenantMixin | TwoPartyMixin):
            raise ScopeError(f"{mapper.class_.__name__} belongs to a tenant: ask with a tenant or all_tenants()")


@event.listens_for(Session, "before_flush")
def _check(session: Session, *_: object) -> None:
    """Refuse rows of others, and any write of a reading session. A missing tenant is filled in."""
    info = session.info
    rows = (*session.new, *session.dirty, *session.deleted)
    if rows and info.get("write") is False:
        raise ScopeError("a reading session was asked to write")
    if info.get("all_tenants"):
        return
    tenant_id = info.get("tenant_id")
    for row in rows:
        if isinstance(row, TenantMixin):
            if row.tenant_id is None and tenant_id is not None:
                row.tenant_id = tenant_id
            if row.tenant_id != tenant_id:
                raise ScopeError(f"{type(row).__name__} of another tenant")
        elif isinstance(row, TwoPartyMixin):
            mine = row.hospital_id if info.get("side") == "hospital" else row.group_id
            if mine != tenant_id:
                raise ScopeError(f"{type(row).__name__} of other parties")


def insert_all(session: TenantSession, model: type[Any], rows: list[dict[str, Any]]) -> None:
    """Insert many rows of this tenant at once; the tenant is set here."""
    tenant_id = session.info["tenant_id"]
    if rows:
        session.connection().execute(sa.insert(model.__table__), [{**row, "tenant_id": tenant_id} for row in rows])


def insert_missing(session: Session, model: type[Any], **values: Any) -> int | None:
    """Insert a row of this tenant unless one of its unique keys is taken.

    :return: id of the new row, None when the row was there already: another process may have won the race
    """
    table: Any = model.__table__
    session.flush()
    insert = postgresql.insert if session.connection().dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(tenant_id=session.info["tenant_id"], **values).on_conflict_do_nothing()
    return session.connection().execute(statement.returning(table.c.id)).scalar()


def listen() -> None:
    """Install the engine's rules once per process."""
    if not event.contains(Engine, "connect", _connected):
        event.listen(Engine, "connect", _connected)
        event.listen(Engine, "begin", _begin)


def _connected(connection: Any, record: ConnectionPoolEntry) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        connection.isolation_level = None
        for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", "busy_timeout=15000"):
            connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(connection.get_execution_options().get("telerad_begin", "BEGIN"))
