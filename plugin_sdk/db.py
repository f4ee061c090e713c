"""Tables: one MetaData for the house, one SQLAlchemy registry per owner, and the three row shapes of isolation.

A row has one of three shapes. ``TenantMixin`` belongs to one tenant; ``TwoPartyMixin`` to a hospital and a group, and
each sees it from its side; a row with neither belongs to the house (accounts, jobs) and is read by core only. Core's
session adds the criterion to every ORM statement and checks it at flush.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from .ids import row_id

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
db = SQLAlchemy(metadata=metadata, disable_autonaming=True)

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON(none_as_null=True)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware in Python, UTC in the database. A naive value is a programming error."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: every stored time is aware")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Unknown(str):
    """A stored word that this release does not know. Renders, never acts."""

    __slots__ = ()
    is_open = True
    is_working = False

    @property
    def value(self) -> str:
        return str(self)


class OpenEnum(sa.types.TypeDecorator[Any]):
    """Text, read as the enum's member or :class:`Unknown`: an unknown word never breaks a list."""

    impl = sa.String(40)
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else str(value.value if isinstance(value, StrEnum) else value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        try:
            return self.enum(value)
        except ValueError:
            return Unknown(value)


TYPES: dict[Any, Any] = {
    datetime: UtcDateTime(),
    int: BigInt,
    dict[str, Any]: Json,
    list[Any]: Json,
    list[str]: Json,
}

Pk = Annotated[int, mapped_column(BigInt, primary_key=True)]
PublicId = Annotated[str, mapped_column(sa.String(26), unique=True, default=row_id)]
Sha256 = Annotated[str, mapped_column(sa.String(64))]
Uid = Annotated[str, mapped_column(sa.String(64))]
Word = Annotated[str, mapped_column(sa.String(40))]
Text200 = Annotated[str, mapped_column(sa.String(200))]
LongText = Annotated[str, mapped_column(sa.Text)]


class Base(DeclarativeBase):
    """Base of core's tables."""

    metadata = metadata
    type_annotation_map = TYPES


def plugin_base(name: str) -> type[DeclarativeBase]:
    """Make the base of a plugin's tables: own registry, shared MetaData, so that one bad mapper harms its owner only.

    Table names must begin with ``<name>_``.
    """

    class PluginBase(DeclarativeBase):
        __abstract__ = True
        metadata = db.metadata
        type_annotation_map = TYPES
        owner = name

        def __init_subclass__(cls, **kw: Any) -> None:
            table = cls.__dict__.get("__tablename__")
            if table is not None and not table.startswith(f"{name}_"):
                raise TypeError(f"table {table!r} of plugin {name!r} must begin with {name}_")
            super().__init_subclass__(**kw)

    return PluginBase


class TenantMixin:
    """A row of one tenant."""

    @declared_attr
    @classmethod
    def tenant_id(cls) -> Mapped[int]:
        return mapped_column(BigInt, sa.ForeignKey("tenant.id", ondelete="RESTRICT"), sort_order=-9)


class TwoPartyMixin:
    """A row that a hospital and a group share over their connection. Each side's criterion is one column, never OR."""

    @declared_attr
    @classmethod
    def hospital_id(cls) -> Mapped[int]:
        return mapped_column(BigInt, sa.ForeignKey("tenant.id", ondelete="RESTRICT"), sort_order=-9)

    @declared_attr
    @classmethod
    def group_id(cls) -> Mapped[int]:
        return mapped_column(BigInt, sa.ForeignKey("tenant.id", ondelete="RESTRICT"), sort_order=-8)

    @declared_attr
    @classmethod
    def link_id(cls) -> Mapped[int]:
        return mapped_column(BigInt, sa.ForeignKey("tenant_link.id", ondelete="RESTRICT"), sort_order=-7)


def same_tenant(table: str, column: str, *, tenant: str = "tenant_id", ondelete: str = "RESTRICT") -> Any:
    """A foreign key that cannot point into another tenant: the pair onto ``UNIQUE (tenant_id, id)``."""
    return sa.ForeignKeyConstraint([tenant, column], [f"{table}.tenant_id", f"{table}.id"], ondelete=ondelete)
