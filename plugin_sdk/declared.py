"""Values of a plugin's declarations, as the host keeps them, and what some of them promise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from .types import Ctx, UserView

MenuSide = Literal["hospital", "group", "platform"]


@dataclass(frozen=True, kw_only=True)
class MenuItem:
    """One entry of the side menu. ``code`` is the permission that shows it; ``icon`` a Tabler icon name."""

    side: MenuSide
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
    title: object = ""
    plugin: str = ""


@dataclass(frozen=True, kw_only=True)
class SlotTab:
    """A tab that a plugin adds to a page. ``owner`` is the plugin and stands in the address."""

    owner: str
    title: object


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


ChannelKind = Literal["notify", "pay"]


@dataclass(frozen=True, kw_only=True)
class Channel:
    """A way to reach people (``notify``) or to be paid (``pay``). ``dotted`` names a :class:`NotifyChannel`."""

    kind: ChannelKind
    name: str
    dotted: str
    plugin: str = ""


@dataclass(frozen=True, kw_only=True)
class Note:
    """A notice on its way out. It holds no patient's name: ``facts`` are ids, counts and words of ours.

    :param id: the same at each try: whoever has it already may drop it
    :param ref: ``<owner>:<kind>:<public_id>`` of what it tells of
    :param path: where it leads, a path of this site
    :param at: when it was written, UTC
    """

    id: str
    kind: str
    title: str
    ref: str
    path: str
    todo: bool
    at: datetime
    users: tuple[UserView, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


class NotifyChannel(Protocol):
    """What ``channel("notify", ...)`` names. Called by a job, with a ctx that only reads; may run twice for one note."""

    def send(self, ctx: Ctx, note: Note) -> None:
        """Send, or raise: the job tries again with growing pauses and is shown when it gives up."""
        ...


class Operator(Protocol):
    """What a plugin's command gets by ``click.pass_obj``: the way to a tenant, and to nothing else."""

    def tenant(self, code: str) -> AbstractContextManager[Ctx]: ...
