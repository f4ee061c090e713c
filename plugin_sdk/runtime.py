"""The one late-bound slot through which core lends itself to the SDK at run time."""

from __future__ import annotations

from typing import Any, Protocol

from .declared import SlotTab
from .types import Ctx


class Host(Protocol):
    """What core lends."""

    def current_ctx(self) -> Ctx: ...
    def show_list(self, spec: Any, **extra: Any) -> Any: ...
    def render(self, template: str, **values: Any) -> str: ...
    def read_body(self, model: type[Any]) -> Any: ...
    def fill_slot(self, name: str, *, owner: str = "", **given: Any) -> list[Any]: ...
    def slot_tabs(self, name: str) -> list[SlotTab]: ...
    def panels(self, period: Any) -> list[Any]: ...
    def viewer_tools(self, access: str) -> list[Any]: ...
    def list_json(self, spec: Any, item: Any) -> Any: ...
    def require_fresh(self, *, once: bool) -> None: ...


_host: Host | None = None


def bind(host: Host) -> None:
    """Lend the host. :raise RuntimeError: when bound twice by different hosts."""
    global _host
    if _host is not None and _host is not host:
        raise RuntimeError("plugin_sdk.runtime is bound already")
    _host = host


def host() -> Host:
    if _host is None:
        raise RuntimeError("plugin_sdk.runtime is not bound: no application has started")
    return _host
