"""Values of a plugin's declarations, as the host keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .types import Side


@dataclass(frozen=True, kw_only=True)
class MenuItem:
    """One entry of the side menu. ``code`` is the permission that shows it; ``icon`` a Tabler icon name."""

    side: Side
    key: str
    title: str
    endpoint: str
    code: str
    after: str | None = None
    icon: str = "point"
    plugin: str = ""


@dataclass(frozen=True, kw_only=True)
class Slot:
    name: str
    template: str
    load: Callable[..., Mapping[str, Any]] | None = None
    code: str | None = None
    after: str | None = None
    plugin: str = ""


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    name: str
    dotted: str
    cron: str | None = None
    plugin: str = ""


@dataclass(frozen=True, kw_only=True)
class NoticeKind:
    code: str
    title: str
    endpoint: str
    todo: bool = False
    plugin: str = ""

