"""Capabilities: what one plugin promises and others may ask for with ``ctx.get(Protocol)``.

At most one enabled provider per capability and tenant. ``None`` means nobody provides it here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from .consultation import Consultations, PartCount, ReportJob, RequestRef


@dataclass(frozen=True, kw_only=True)
class ReportTemplate:
    ref: str
    title: str
    default: bool = False


@runtime_checkable
class ReportRenderer(Protocol):
    """Capability ``report_renderer``."""

    def templates(self) -> Sequence[ReportTemplate]: ...
    def preview(self, job: ReportJob) -> str: ...
    def render(self, job: ReportJob) -> bytes: ...


@runtime_checkable
class Viewer(Protocol):
    """Capability ``viewer``. :return: a path of this site that shows the opening's images."""

    def url(self, access_id: str, *, study_uids: Sequence[str] = (), layout: str = "") -> str: ...


@runtime_checkable
class PartMatcher(Protocol):
    """Capability ``part_matcher``."""

    def match(self, study_ids: Sequence[int]) -> Mapping[int, list[PartCount]]: ...


@dataclass(frozen=True, kw_only=True)
class ChargeLine:
    """A line that was charged, or taken back (``fen`` is negative then).

    :param person: account id of whose work it is, ``None`` for nobody's
    :param report: number of the report's version; :param at: UTC
    """

    code: str
    share: Literal["diagnosis", "review", "film"]
    fen: int
    rule: str = ""
    person: int | None = None
    report: int | None = None
    at: datetime | None = None
    reversal: bool = False


@runtime_checkable
class Billing(Protocol):
    """Capability ``billing``. The price itself is the hook ``price``."""

    def fees(self, link_id: int, readers: Sequence[int], modality: str) -> Mapping[int, int]:
        """Fen per body part by reader (account id), by the tariff in force; without what has no price."""
        ...

    def lines(self, ref: RequestRef) -> Sequence[ChargeLine]:
        """What was charged for a request, oldest first, reversals included."""
        ...


CAPABILITIES: Mapping[str, type] = {
    "consultations": Consultations,
    "report_renderer": ReportRenderer,
    "viewer": Viewer,
    "part_matcher": PartMatcher,
    "billing": Billing,
}
