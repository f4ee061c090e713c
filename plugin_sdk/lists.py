"""What a list is made of. A list is one :class:`ListSpec`; plugins add columns, badges and row actions by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import InstrumentedAttribute

from .types import Badge, Ctx, RowKey

Kind = Literal["text", "select", "datetime", "date"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    :param key: stable name, used in URLs, saved views and exports; an external plugin's is ``<plugin>.<noun>``
    :param cell: what to show for a row
    :param load: one query for the whole page, ``{RowKey.id: value}``; replaces ``cell``
    :param sort: expression to order by; must not be nullable, the cursor compares it
    :param fixed: cannot be hidden, it identifies
    :param macro: name of a macro in ``macros/cells.html`` that draws the value
    """

    key: str
    label: object
    cell: Callable[[Any], object] | None = None
    load: Callable[[Ctx, Sequence[RowKey]], Mapping[int, object]] | None = None
    sort: Any = None
    default: bool = True
    fixed: bool = False
    align: Literal["left", "right"] = "left"
    macro: str = ""

    def __post_init__(self) -> None:
        if (self.cell is None) == (self.load is None):
            raise ValueError(f"column {self.key!r} needs exactly one of cell, load")
        if isinstance(self.sort, InstrumentedAttribute) and self.sort.property.columns[0].nullable:
            raise ValueError(f"column {self.key!r} sorts on a nullable column; coalesce it")


@dataclass(frozen=True, kw_only=True)
class Filter:
    """One field of the filter form.

    :param where: ``(ctx, value) -> criterion``; raises ``ValueError`` for a value it cannot read
    :param exact: an identifier: when given, default ranges do not apply
    """

    key: str
    label: object
    where: Callable[[Ctx, str], ColumnElement[bool]]
    kind: Kind = "text"
    choices: Callable[[], Iterable[tuple[str, object]]] | None = None
    primary: bool = True
    exact: bool = False
    default: Callable[[Ctx], str] | None = None


@dataclass(frozen=True, kw_only=True)
class RowAction:
    """Something to do with a row.

    :param url: ``(row) -> URL``
    :param when: whether it can run now; otherwise it is shown grey with ``reason``
    :param method: ``get`` link, ``post`` form, ``dialog`` opened into ``#dialog``
    :param verb: moves the state: drawn bold, at most one per row
    :param more: sits behind 更多
    :param many: ``(least, most)``: also a button for the ticked rows, which posts to ``many_url``
    """

    key: str
    label: object
    url: Callable[[Any], str]
    code: str = ""
    when: Callable[[Any], bool] = lambda row: True
    reason: Callable[[Any], object] = lambda row: ""
    method: Literal["get", "post", "dialog"] = "get"
    verb: bool = False
    more: bool = False
    show: Callable[[Any], bool] = lambda row: True


@dataclass(frozen=True, kw_only=True)
class ManyAction:
    """A button of the multi-select bar."""

    key: str
    label: object
    url: Callable[[], str]
    least: int
    most: int
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class ListSpec:
    """One list. ``query`` is scoped to the ctx and eager-loads what the cells read.

    :param located: public id column that ``?at=`` finds
    """

    name: str
    title: object
    query: Callable[[Ctx], Select[Any]]
    pk: Any
    public_id: Any
    sort: str
    columns: Sequence[Column]
    key: Callable[[Any], RowKey]
    filters: Sequence[Filter] = ()
    actions: Sequence[RowAction] = ()
    many: Sequence[ManyAction] = ()
    badges: Callable[[Ctx, Sequence[Any]], Mapping[int, Sequence[Badge]]] | None = None
    tint: Callable[[Any], str] = lambda row: ""
    page_size: int = 50
    template: str = "list.html"

    @property
    def dom_id(self) -> str:
        """The list's element id; no dot, which would be a class in a selector."""
        return "list-" + self.name.replace(".", "-")
