"""Read and write settings: one dataclass per owner and scope, values as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.tenancy.models import Setting
from plugin_sdk import settings as declared
from plugin_sdk.errors import Invalid

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Section:
    """Settings of core that a tenant's administrators may change: their heading, and whom they concern."""

    title: object
    sides: tuple[str, ...] = ("hospital", "group")


class Catalogue:
    """Which dataclass belongs to whom."""

    def __init__(self) -> None:
        self.owner_of: dict[type[Any], tuple[str, str]] = {}
        self.sections: dict[type[Any], Section] = {}

    def add(self, owner: str, scope: str, cls: type[Any], section: Section | None = None) -> None:
        """:param section: makes them part of the tenant's page of core's own settings"""
        self.owner_of[cls] = (owner, scope)
        if section is not None:
            self.sections[cls] = section

    def prefix(self, cls: type[Any]) -> tuple[str, str]:
        """:raise KeyError: a dataclass nobody declared"""
        return self.owner_of[cls]

    def label(self, name: str) -> object:
        """What a setting ``<owner>.<field>`` is called; the name itself when nobody declares it any more."""
        owner, _, of = name.partition(".")
        for cls, (whose, _scope) in self.owner_of.items():
            if whose == owner and (found := next((f for f in fields(cls) if f.name == of), None)) is not None:
                return found.metadata.get("label") or found.metadata.get("help") or name
        return name


@cache
def catalogue() -> Catalogue:
    return Catalogue()


def load(session: Session, cls: type[T], scope_id: int) -> T:
    """Read the settings of one scope; what is not stored has its default."""
    return declared.build(cls, {name: row.value for name, row in rows(session, cls, scope_id).items()})  # type: ignore[no-any-return]


def rows(session: Session, cls: type[Any], scope_id: int) -> Mapping[str, Setting]:
    """What is stored of a dataclass in one scope, by field."""
    owner, scope = catalogue().prefix(cls)
    found = session.scalars(
        sa.select(Setting).where(
            Setting.scope == scope, Setting.scope_id == scope_id, Setting.name.startswith(f"{owner}.", autoescape=True)
        )
    )
    return {row.name.removeprefix(f"{owner}."): row for row in found}


def forget(session: Session, cls: type[Any], scope_id: int, names: Iterable[str]) -> None:
    """Give settings of one scope back to their defaults."""
    stored = rows(session, cls, scope_id)
    for name in names:
        if name in stored:
            session.delete(stored[name])


def store(session: Session, cls: type[Any], scope_id: int, *, by: int, **values: Any) -> None:
    """Change settings of one scope.

    :raise Invalid: an unknown name or a value out of bounds
    """
    owner, scope = catalogue().prefix(cls)
    known = {f.name: f for f in fields(cls)}
    errors = [{"field": n, "message": "unknown"} for n in values if n not in known]
    errors += [{"field": n, "message": m} for n, v in values.items() if n in known and (m := declared.check(cls, known[n], v))]
    if errors:
        raise Invalid(errors=errors)
    for name, value in values.items():
        key = (scope, scope_id, f"{owner}.{name}")
        row = session.get(Setting, key)
        if row is None:
            row = Setting(scope=scope, scope_id=scope_id, name=key[2])
            session.add(row)
        row.value, row.changed_by, row.changed_at = value, by, clock.now()
