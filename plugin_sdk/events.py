"""Typed events: outbox rows written in the transaction they tell of, delivered at least once to each listener.

They carry ids, never names of people. A handler is idempotent by ``id``; there is no order across studies.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from .ids import row_id

E = TypeVar("E", bound="type[DomainEvent]")
_KINDS: dict[str, type[DomainEvent]] = {}


@dataclass(frozen=True, kw_only=True)
class DomainEvent:
    """:param by: account id, 0 for the system; ``tenant_id`` and ``by`` are filled in by the ctx that emits it."""

    tenant_id: int = 0
    by: int = 0
    id: str = field(default_factory=row_id)
    kind: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.kind = cls.__name__
        _KINDS[cls.__name__] = cls

    def payload(self) -> dict[str, Any]:
        return asdict(self)


def read(kind: str, payload: dict[str, Any]) -> DomainEvent | None:
    """Build the event again; ``None`` when this release does not know its kind. Unknown fields are dropped."""
    cls = _KINDS.get(kind)
    if cls is None:
        return None
    known = {f.name for f in fields(cls)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in payload.items() if k in known}
    return cls(**values)


@dataclass(frozen=True, kw_only=True)
class StudyReceived(DomainEvent):
    study_id: int
    source_id: int | None
    stored: int
    duplicate: int
    held: int


@dataclass(frozen=True, kw_only=True)
class StudyComplete(DomainEvent):
    study_id: int
    how: str


@dataclass(frozen=True, kw_only=True)
class StudyChanged(DomainEvent):
    study_id: int
    series_ids: tuple[int, ...]
    added: int


@dataclass(frozen=True, kw_only=True)
class RequestSubmitted(DomainEvent):
    request_id: int


@dataclass(frozen=True, kw_only=True)
class RequestClosed(DomainEvent):
    request_id: int
    how: str


@dataclass(frozen=True, kw_only=True)
class ClaimChanged(DomainEvent):
    request_id: int
    user_id: int
    how: str


@dataclass(frozen=True, kw_only=True)
class ReportSealed(DomainEvent):
    request_id: int
    n: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ReportReturned(DomainEvent):
    request_id: int
    n: int
    side: str


@dataclass(frozen=True, kw_only=True)
class ReportConfirmed(DomainEvent):
    request_id: int
    n: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ReportAdjusted(DomainEvent):
    request_id: int
    n: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ReportVoided(DomainEvent):
    request_id: int
    n: int


@dataclass(frozen=True, kw_only=True)
class ReportPrinted(DomainEvent):
    request_id: int
    n: int


@dataclass(frozen=True, kw_only=True)
class PluginChanged(DomainEvent):
    plugin: str
    before: str
    after: str
