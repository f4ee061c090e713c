"""Read and write settings: one dataclass per owner and scope, values as rows."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock
from core.tenancy.models import Setting
from plugin_sdk import settings as declared
from plugin_sdk.errors import Invalid

T = TypeVar("T")


class Catalogue:
    """Which dataclass belongs to whom."""

    def __init__(self) -> None:
        self.owner_of: dict[type[Any], tuple[str, str]] = {}

    def add(self, owner: str, scope: str, cls: type[Any]) -> None:
        self.owner_of[cls] = (owner, scope)

    def prefix(self, cls: type[Any]) -> tuple[str, str]:
        """:raise KeyError: a dataclass nobody declared"""
        return self.owner_of[cls]


@cache
def catalogue() -> Catalogue:
    return Catalogue()


def load(session: Session, cls: type[T], scope_id: int) -> T:
    """Read the settings of one scope; what is not stored has its default."""
    owner, scope = catalogue().prefix(cls)
    rows = session.execute(
        sa.select(Setting.name, Setting.value).where(
            Setting.scope == scope, Setting.scope_id == scope_id, Setting.name.startswith(f"{owner}.", autoescape=True)
        )
    )
    stored = {name.removeprefix(f"{owner}."): value for name, value in rows}
    return declared.build(cls, stored)  # type: ignore[no-any-return]


def store(session: Session, cls: type[Any], scope_id: int, *, by: int, **values: Any) -> None:
    """Change settings of one scope.

    :raise Invalid: an unknown name or a value out of bounds
    """
    owner, scope = catalogue().prefix(cls)
    known = {f.name: f for f in fields(cls)}
    errors = [{"field": n, "message": "unknown"} for n in values if n not in known]
    errors += [{"field": n, "message": m} for n, v in values.items() if n in known and (m := declared.check(known[n], v))]
    if errors:
        raise Invalid(errors=errors)
    for name, value in values.items():
        key = (scope, scope_id, f"{owner}.{name}")
        row = session.get(Setting, key)
        if row is None:
            row = Setting(scope=scope, scope_id=scope_id, name=key[2])
            session.add(row)
        row.value, row.changed_by, row.changed_at = value, by, clock.now()
