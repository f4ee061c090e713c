"""Links for people outside: what a plugin opens for somebody without an account, and what it learns of who comes.

A kind of link belongs to one plugin, which declares its page: ``reg.link_page("acme.leaflet", "acme.pages:leaflet")``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .types import Ctx


@dataclass(frozen=True, kw_only=True)
class Door:
    """A link as its plugin sees it; nobody sees its token again.

    :param ref: ``<owner>:<kind>:<public_id>`` of what it shows
    :param facts: what its maker wrote on it: ids, counts and words of ours, no names
    :param expires_at: UTC; ``None`` lives until it is revoked
    :param views: how often it was opened
    """

    id: str
    kind: str
    ref: str
    facts: Mapping[str, Any]
    passcode: bool
    made_at: datetime
    expires_at: datetime | None
    views: int


@dataclass(frozen=True, kw_only=True)
class NewDoor:
    """A link that was just made. Token and passcode are here and nowhere else: hand them on, do not store them.

    :param path: of this site, holds the token
    :param address: the same for print and messages; empty where the house does not know its own address
    :param passcode: 6 digits, empty when none was wanted; it travels apart from the address
    """

    id: str
    path: str
    address: str
    passcode: str
    expires_at: datetime | None


class LinkPage(Protocol):
    """What ``link_page`` names. Its ctx belongs to the tenant, has no user and no permission, and only reads.

    It answers with a page: a template of its own that extends ``public.html``. ``NotFound`` shows that the link has ended.
    """

    def __call__(self, ctx: Ctx, door: Door) -> str: ...


class Doors(Protocol):
    """Make links to pages of enabled plugins, and end them. Written with the caller's transaction, and logged."""

    def open(
        self, kind: str, ref: str, *, valid: timedelta | None, passcode: bool = False, facts: Mapping[str, Any] | None = None
    ) -> NewDoor: ...
    def revoke(self, door_id: str) -> bool: ...
    def of(self, ref: str) -> Sequence[Door]: ...
