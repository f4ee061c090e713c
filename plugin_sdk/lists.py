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
    :param join: ``(table, on)``: a 1:1 table that ``sort`` reads, joined (outer) only while the list is sorted by it
    :param fixed: cannot be hidden, it identifies
    :param gives_way: names and descriptions: cut short on narrow screens before the list scrolls sideways, whole in the title
    :param macro: name of a macro in ``macros/cells.html`` that draws the value
    :param text: words for a value in a sheet, where the value alone would not say it
    :param mask: shortens the value where names are not shown, as in an export
    :param code: permissions of which one must be held to see it; none: whoever sees the list
    :param plugin: title of the plugin that added it; the host sets it
    :param owner: name of the plugin that added it; the host sets it
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
    join: tuple[Any, Any] | None = None
    text: Callable[[Any], object] | None = None
    mask: Callable[[str], str] | None = None
    code: Sequence[str] = ()
    gives_way: bool = False
    plugin: str = ""
    owner: str = ""

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
    :param method: ``get`` link, ``post`` form, ``dialog`` opened into ``#dialog``, ``panel`` at the side
    :param verb: moves the state: drawn bold, at most one per row
    :param more: sits behind 更多
    """

    key: str
    label: object
    url: Callable[[Any], str]
    code: str = ""
    when: Callable[[Any], bool] = lambda row: True
    reason: Callable[[Any], object] = lambda row: ""
    method: Literal["get", "post", "dialog", "panel"] = "get"
    verb: bool = False
    more: bool = False
    show: Callable[[Any], bool] = lambda row: True


@dataclass(frozen=True, kw_only=True)
class ManyAction:
    """A button of the multi-select bar, which posts the ticked ``row`` ids.

    :param when: whether it can take a row; a row that it cannot is named in the bar, with ``reason``
    """

    key: str
    label: object
    url: Callable[[], str]
    least: int
    most: int
    code: str = ""
    when: Callable[[Any], bool] = lambda row: True
    reason: Callable[[Any], object] = lambda row: ""


@dataclass(frozen=True, kw_only=True)
class ListView:
    """A tab above a list that comes with it: filters (and ``sort``) as the URL names them.

    :param count: shows how many rows it has; orange with ``alert``, for what somebody must act on
    """

    key: str
    label: object
    query: Mapping[str, str]
    count: bool = False
    alert: bool = False


@dataclass(frozen=True, kw_only=True)
class ListSpec:
    """One list. ``query`` is scoped to the ctx and eager-loads what the cells read.

    :param public_id: column of ids that ``?at=`` finds; they grow with time (uuid7), which tells new rows
    :param endpoint: the page that shows it; whoever may open that page may use the list's views, columns and poll
    :param export: permissions of which one lets a person export it, one per side; none: nobody
    :param reveal: permissions that allow an export with whole names
    :param called: how a row is named to people, in the multi-select bar
    :param entered: column of the instant (UTC) at which a row last came to where it is, when rows enter the list by a
        change of state; ``None``: they enter by being made
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
    endpoint: str = ""
    export: Sequence[str] = ()
    reveal: Sequence[str] = ()
    views: Sequence[ListView] = ()
    called: Callable[[Any], str] = lambda row: ""
    entered: Any = None

    @property
    def dom_id(self) -> str:
        """The list's element id; no dot, which would be a class in a selector."""
        return "list-" + self.name.replace(".", "-")
