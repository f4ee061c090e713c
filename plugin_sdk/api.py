"""What a plugin is: a manifest, one ``register``, and hooks. This page is the whole of it.

Imports neither Flask nor SQLAlchemy. ``plugins/<name>/plugin.py`` imports only ``plugin_sdk``; everything it declares
is a dotted string (``package.module:name``) or light data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import pluggy

from .consultation import Change, Charge, Draft, Finding, Quote
from .declared import ChannelKind, MenuSide, ViewerTool
from .events import DomainEvent
from .panels import Panel
from .types import Ctx, Hold, IngestItem, Problem, Scope, StudyAction

API_VERSION = (1, 1)
NAME = "telerad"
OnError = Literal["raise", "isolate", "hold"]
F = TypeVar("F", bound=Callable[..., Any])

hookimpl = pluggy.HookimplMarker(NAME)
_hookspec = pluggy.HookspecMarker(NAME)


def hook(*, on_error: OnError) -> Callable[[F], F]:
    """Declare an extension point and what the host does when one plugin's answer fails.

    ``raise``: the operation fails with the plugin's name. ``isolate``: counted, shown as unavailable, others go on.
    ``hold``: the object is held, never dropped.
    """

    def mark(fn: F) -> F:
        fn.on_error = on_error  # type: ignore[attr-defined]
        marked: F = _hookspec(fn)
        return marked

    return mark


class Registry(Protocol):
    """Handed to :meth:`Plugin.register` once at start; kept only if it returns."""

    def blueprint(self, dotted: str, *, scope: Scope) -> None: ...
    def permission(self, code: str, title: object, *, roles: Sequence[str] = ()) -> None: ...
    def menu(
        self, side: MenuSide, key: str, title: object, endpoint: str, code: str, after: str | None = None, icon: str = "point"
    ) -> None: ...
    def slot(
        self,
        name: str,
        template: str,
        *,
        load: Callable[..., Mapping[str, Any]] | str | None = None,
        code: str | None = None,
        after: str | None = None,
        title: object = "",
    ) -> None: ...
    def listing(self, dotted: str) -> None: ...
    def column(self, list_name: str, column: object) -> None: ...
    def row_action(self, list_name: str, action: object) -> None: ...
    def badges(self, list_name: str, key: str, load: str) -> None: ...
    def listen(self, event: type[DomainEvent], dotted: str) -> None: ...
    def job(self, name: str, dotted: str, *, cron: str | None = None) -> None: ...
    def audit_kind(self, code: str, title: object, *, facts: Mapping[str, object] | None = None) -> None: ...
    def notice_kind(self, code: str, title: object, endpoint: str, *, todo: bool = False) -> None: ...
    def resource(self, name: str, dotted: str, *, numbers: str = "") -> None: ...
    def capability(self, name: str, dotted: str) -> None: ...
    def link_page(self, kind: str, dotted: str) -> None: ...
    def panel(self, name: str, panel: Panel) -> None: ...
    def viewer_tool(self, tool: ViewerTool) -> None: ...
    def channel(self, kind: ChannelKind, name: str, dotted: str) -> None: ...
    def command(self, dotted: str) -> None: ...
    def invariants(self, dotted: str) -> None: ...
    def demo(self, dotted: str) -> None: ...


class Plugin:
    """Base of every plugin. Class attributes are the manifest, readable without a database.

    :cvar summary: what it does, one sentence for the administrators' page
    :cvar side: whose switch it follows: ``hospital``, ``group`` or ``both``
    :cvar provides: capabilities promised; each is bound by ``reg.capability(name, factory)``
    :cvar requires: capabilities or plugins without which this one cannot be on
    :cvar settings: dotted dataclasses by scope (``platform tenant link user``)
    :cvar models: dotted module that defines the tables, empty for none
    :cvar migrations: folder of Alembic versions, dotted package or path; empty for none
    """

    name: ClassVar[str] = ""
    title: ClassVar[object] = ""
    summary: ClassVar[object] = ""
    api: ClassVar[tuple[int, int]] = (1, 0)
    provides: ClassVar[tuple[str, ...]] = ()
    requires: ClassVar[tuple[str, ...]] = ()
    after: ClassVar[tuple[str, ...]] = ()
    side: ClassVar[Literal["hospital", "group", "both"]] = "both"
    settings: ClassVar[Mapping[str, str]] = {}
    models: ClassVar[str] = ""
    migrations: ClassVar[str] = ""

    def register(self, reg: Registry) -> None:
        """Declare routes, permissions, menus and the rest. Called once at start, into a scratch registry."""

    @hook(on_error="raise")
    def tenant_enabled(self, ctx: Ctx) -> None:
        """Prepare a tenant. Runs in the transaction that switches the plugin on; an error leaves it off."""

    @hook(on_error="raise")
    def check_disable(self, ctx: Ctx) -> list[Problem]:
        """Say why this tenant cannot do without the plugin now. Runs before switching off."""
        return []

    @hook(on_error="raise")
    def check_study(self, ctx: Ctx, action: StudyAction) -> Mapping[int, list[Problem]]:
        """Problems per study id, before studies are deleted, locked or shared. Runs in the owner's ctx, batched."""
        return {}

    @hook(on_error="hold")
    def ingest(self, ctx: Ctx, item: IngestItem) -> IngestItem | Hold:
        """Look at an object before it is stored; chained. An error holds the object, nothing is dropped."""
        return item

    @hook(on_error="raise")
    def check_transition(self, ctx: Ctx, change: Change) -> list[Problem]:
        """Object to a transition. Runs inside its write transaction: own tables only, no network, no files."""
        return []

    @hook(on_error="isolate")
    def check_report(self, ctx: Ctx, draft: Draft) -> list[Finding]:
        """Look for problems before a text is sealed. Runs on each save; an error shows as 检查不可用."""
        return []

    @hook(on_error="raise")
    def price(self, ctx: Ctx, quote: Quote) -> list[Charge]:
        """Price a request in the group's ctx. Only the group's provider of ``billing`` is asked.

        Before and at submission (T-01) with the stage ``quote``: it only reads. At confirmation (T-16) with ``charge``,
        the frozen tariff version and the actual reader, and at 删除报告 (T-18) with ``reversal``, also when it is off by
        then: then it also keeps the lines, once, in the transaction of the move. Whole fen, negative only in a reversal.
        Own tables only, no network, no files.
        """
        return []


HOOKS: tuple[str, ...] = (
    "tenant_enabled",
    "check_disable",
    "check_study",
    "ingest",
    "check_transition",
    "check_report",
    "price",
)
