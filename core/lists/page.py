"""One page of a list, ready to draw or to serialise."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from flask import request, url_for

from core import clock
from core.lists import saved
from core.lists.actions import ActionView, actions_of, many_of, refused_of
from core.lists.ask import EXACT, Ask
from core.lists.parts import may_export, registered
from core.lists.words import plain
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.ids import first_id
from plugin_sdk.lists import Column, Filter, ListSpec
from plugin_sdk.types import Badge

UNAVAILABLE = _l("暂不可用")
CARD = {
    "title": ("name", "user", "kind"),
    "state": ("state", "status"),
    "what": ("body_part", "modality", "kind", "object"),
    "when": ("requested_at", "study_date", "uploaded_at", "at"),
}
"""Which column stands where when a narrow screen draws a row as a card; the first one that is shown."""
CLOCKS = 2
"""Seconds by which a row's id may be older than its commit."""
SECONDS = 5.0
"""What a plugin's part of a page may take."""
T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass
class Page:
    """Rows with all that their cells need. Plugins' parts that fail say so in their place and leave the list standing.

    :ivar first_number: number of the first row in the whole list, from 1
    """

    ctx: Any
    spec: ListSpec
    ask: Ask
    columns: Sequence[Column]
    rows: Sequence[Any]
    more_after: bool
    more_before: bool
    _actions: dict[int, Sequence[ActionView]] = field(default_factory=dict, repr=False)
    first_number: int = 1
    mark: str = field(default_factory=lambda: first_id(clock.now().timestamp() - CLOCKS))

    @cached_property
    def keys(self) -> Mapping[int, Any]:
        return {id(row): self.spec.key(row) for row in self.rows}

    @cached_property
    def loaded(self) -> Mapping[str, Mapping[int, object]]:
        """Values of shown columns that load: one query each."""
        keys = list(self.keys.values())
        return {c.key: self._load(c, keys) for c in self.ask.shown if c.load}

    def _load(self, column: Column, keys: Sequence[Any]) -> Mapping[int, object]:
        """A plugin's column that fails or hangs says so in its cells; core's own may not fail."""
        assert column.load is not None
        if not column.owner:
            return column.load(self.ctx, keys)
        try:
            return self._ask(column.owner, column.load, self.ctx, keys)
        except Exception:  # foreign code: the list stays
            log.exception("column failed", extra={"plugin": column.owner, "place": f"{self.spec.name}:{column.key}"})
            return dict.fromkeys((k.id for k in keys), UNAVAILABLE)

    def _ask(self, owner: str, load: Callable[..., Mapping[int, T]], *args: Any) -> Mapping[int, T]:
        """Ask a plugin for what it adds to this page, under the deadline of a list."""
        run = self.ctx.app.plugins.guard.apart
        answer: Mapping[int, T] = run(
            owner, f"list {self.spec.name}", load, *args, seconds=SECONDS, check=lambda a: isinstance(a, Mapping), ctx=self.ctx
        )
        return answer

    @cached_property
    def _cells(self) -> dict[str, Mapping[int, object]]:
        """Cells of plugins' columns by row, as far as they were asked for."""
        return {}

    def _cells_of(self, column: Column) -> Mapping[int, object]:
        """A plugin's cells of the whole page: one that fails is named in its place, one that hangs costs the column."""
        if column.key not in self._cells:
            try:
                self._cells[column.key] = self._ask(column.owner, lambda: {id(row): self._cell(column, row) for row in self.rows})
            except Exception:  # foreign code: the list stays
                log.exception("column failed", extra={"plugin": column.owner, "place": f"{self.spec.name}:{column.key}"})
                self._cells[column.key] = dict.fromkeys(map(id, self.rows), UNAVAILABLE)
        return self._cells[column.key]

    def _cell(self, column: Column, row: Any) -> object:
        assert column.cell is not None
        try:
            return column.cell(row)
        except Exception as error:  # foreign code: the other cells stay
            self.ctx.app.plugins.guard.ledger.note(column.owner, f"list {self.spec.name}", 0, error)
            return UNAVAILABLE

    @cached_property
    def all_badges(self) -> Mapping[int, Sequence[Badge]]:
        own = dict(self.spec.badges(self.ctx, self.rows)) if self.spec.badges else {}
        house = self.ctx.app.plugins.house
        for owner, declared in house.by_owner.items():
            if owner != "core" and owner not in self.ctx.enabled:
                continue
            for name, _, dotted in declared.badge_loaders:
                if name == self.spec.name:
                    for row_id, badges in self._load_badges(owner, dotted).items():
                        own[row_id] = [*own.get(row_id, ()), *badges]
        return own

    def _load_badges(self, owner: str, dotted: str) -> Mapping[int, Sequence[Badge]]:
        keys = list(self.keys.values())
        try:
            load: Callable[..., Mapping[int, Sequence[Badge]]] = self.ctx.app.resolve(dotted)
            found = self._ask(owner, load, self.ctx, keys)
        except Exception:  # foreign code: the list stays, and says whose markers are missing
            log.exception("badges failed", extra={"plugin": owner, "place": self.spec.name})
            lost = Badge(key=f"{owner}.unavailable", label=str(UNAVAILABLE), tone="dashed", title=owner)
            return {k.id: [lost] for k in keys}
        return found

    def row_key(self, row: Any) -> Any:
        return self.keys[id(row)]

    def key(self, row: Any) -> str:
        return str(getattr(row, self.spec.public_id.key))

    def value(self, column: Column, row: Any) -> object:
        if column.cell is None:
            return self.loaded[column.key].get(self.row_key(row).id, "")
        if not column.owner:
            return column.cell(row)
        return self._cells_of(column)[id(row)]

    def macro(self, column: Column, value: object) -> str:
        """How the value is drawn; what a plugin could not give is drawn as text."""
        return "" if value is UNAVAILABLE else column.macro

    def badges(self, row: Any) -> Sequence[Badge]:
        return self.all_badges.get(self.row_key(row).id, ())

    def actions_of(self, row: Any) -> Sequence[ActionView]:
        if id(row) not in self._actions:
            self._actions[id(row)] = actions_of(self.ctx, self.spec, row)
        return self._actions[id(row)]

    def stamp(self, row: Any) -> str:
        """Changes when something that the row shows changes; a clock that only runs on does not count."""
        seen = [plain(self.value(c, row)) for c in self.ask.shown]
        seen += [b.key for b in self.badges(row)]
        seen += [f"{a.key}{a.url}{a.disabled_reason}" for a in self.actions_of(row)]
        return f"{zlib.crc32(repr((self.tint(row), seen)).encode()):08x}"

    @cached_property
    def many(self) -> Sequence[ActionView]:
        return many_of(self.ctx, self.spec)

    def refusals(self, row: Any) -> Mapping[str, str]:
        return refused_of(self.ctx, self.spec, row)

    def tint(self, row: Any) -> str:
        return self.spec.tint(row)

    def located(self, row: Any) -> bool:
        return request.args.get("at") == self.key(row)

    def filter_value(self, of: Filter) -> str:
        return self.ask.values.get(of.key, "")

    @property
    def exact_note(self) -> object:
        """An exact identifier ignores the default range, and says so."""
        return EXACT if self.ask.exact and any(f.default for f in self.spec.filters) else ""

    @cached_property
    def card(self) -> Mapping[str, str]:
        """Place in a card by column key; columns without a place are left out there."""
        shown, places = [c.key for c in self.ask.shown if c.macro != "preview"], dict[str, str]()
        for place, keys in CARD.items():
            if key := next((k for k in keys if k in shown and k not in places), "") or (shown[0] if place == "title" and shown else ""):
                places[key] = place
        return places

    # --- what a declared list has beside its rows; empty for one that nobody declared

    @cached_property
    def declared(self) -> bool:
        return bool(self.spec.endpoint) and self.spec.name in registered(self.ctx)

    def _url(self, view: str) -> str:
        return url_for(f"lists.{view}", list_name=self.spec.name) if self.declared else ""

    @property
    def columns_url(self) -> str:
        return self._url("columns")

    @property
    def save_view_url(self) -> str:
        url = self._url("ask_view")
        return f"{url}?{saved.kept(request.args)}" if url else ""

    @property
    def fresh_url(self) -> str:
        return self._url("look")

    @property
    def export_url(self) -> str:
        """Where the filtered rows can be exported, empty without the right."""
        if not self.declared or not may_export(self.ctx, self.spec):
            return ""
        url, query = url_for("exports.ask", list_name=self.spec.name), saved.kept(request.args)
        return f"{url}?{query}" if query else url

    @cached_property
    def views(self) -> Sequence[saved.Tab]:
        return saved.tabs(self.ctx, self.spec, request.args) if self.declared else ()
