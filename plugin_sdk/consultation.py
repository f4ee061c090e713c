"""The consultation contract: states, events, views and hook inputs of a request for a report.

Imports neither Flask nor SQLAlchemy. All times are aware and in UTC; money is an integer of fen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

from .i18n import LazyText
from .i18n import lazy as _l
from .price import Agreed as Agreed
from .price import Charge as Charge
from .price import PriceStage as PriceStage
from .price import Quote as Quote
from .report import PatientFacts as PatientFacts
from .report import ReportJob as ReportJob
from .report import Signature as Signature

if TYPE_CHECKING:
    from .types import Ctx

Side = Literal["hospital", "group"]


class State(StrEnum):
    """Stored as written. Values that are not listed render as 未知状态 and are read only."""

    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    DIAGNOSING = "DIAGNOSING"
    PENDING_REVIEW = "PENDING_REVIEW"
    REVIEWING = "REVIEWING"
    REVIEW_REJECTED = "REVIEW_REJECTED"
    APPROVED = "APPROVED"
    RETURNED_BY_GROUP = "RETURNED_BY_GROUP"
    RETURNED_BY_HOSPITAL = "RETURNED_BY_HOSPITAL"
    CONFIRMED = "CONFIRMED"
    WITHDRAWN = "WITHDRAWN"

    @property
    def is_open(self) -> bool:
        """Whether the study counts as 已申请."""
        return self not in CLOSED

    @property
    def is_working(self) -> bool:
        """Whether somebody may hold a claim in this state."""
        return self in CLAIMABLE


CLOSED = frozenset({State.RETURNED_BY_GROUP, State.CONFIRMED, State.WITHDRAWN})
CLAIMABLE = frozenset({State.ACCEPTED, State.DIAGNOSING, State.REVIEWING})


class Event(StrEnum):
    """What moves a request. Values are the words of the API; ``REQUEST`` is T-01, ``SUBMIT`` T-08 only."""

    REQUEST = "request"
    WITHDRAW = "withdraw"
    RETURN = "return"
    ACCEPT = "accept"
    ASSIGN = "assign"
    OPEN = "open"
    RENEW = "renew"
    UNLOCK = "unlock"
    LAPSE = "lapse"
    SEND_TO_REVIEW = "send_to_review"
    SUBMIT = "submit"
    START_REVIEW = "start_review"
    APPROVE = "approve"
    REJECT = "reject"
    RETURN_REPORT = "return_report"
    CONFIRM = "confirm"
    ADJUST = "adjust"
    DELETE_REPORT = "delete_report"
    PRINTED = "printed"


class VersionStatus(StrEnum):
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    SEALED = "sealed"
    SUPERSEDED = "superseded"
    VOID = "void"


class Urgency(StrEnum):
    NORMAL = "normal"
    URGENT = "urgent"

    @property
    def label(self) -> LazyText:
        return _l("加急") if self is Urgency.URGENT else _l("普通")


@dataclass(frozen=True, kw_only=True)
class PartCount:
    """One body part asked about. :param rule: which tag rule matched, empty when chosen by hand."""

    name: str
    category: str = ""
    count: int = 1
    rule: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Who holds a request and until when (UTC)."""

    user: int
    name: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class RequestRef:
    id: int
    public_id: str
    study_id: int
    link_id: int
    hospital_id: int
    group_id: int


@dataclass(frozen=True, kw_only=True)
class Person:
    """A member as others may see one. :param id: public id."""

    user: int
    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class RequestView:
    """A request as one side sees it. ``snapshot`` holds what the lists show of patient and exam."""

    ref: RequestRef
    state: State | str
    version: int
    urgency: Urgency
    parts: Sequence[PartCount]
    requester: Person | None
    reader_named: Person | None
    reader: Person | None
    reviewer: Person | None
    claim: Claim | None
    times: Mapping[str, datetime | None]
    snapshot: Mapping[str, Any]
    purpose: str = ""
    flags: frozenset[str] = frozenset()
    agreed: Agreed | None = None


@dataclass(frozen=True, kw_only=True)
class ReportImage:
    """A captured key image. :param frame: 1-based; 0 when the capture names no frame."""

    id: str
    sha256: str
    sop: str
    frame: int
    caption: str


@dataclass(frozen=True, kw_only=True)
class ReportView:
    request: RequestRef
    n: int
    status: VersionStatus | str
    findings: str
    impression: str
    positive: bool | None
    images: Sequence[ReportImage]
    author: Person | None
    reviewer: Person | None
    sha256: str
    sealed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """A transition about to commit, given to ``check_transition``."""

    request: RequestView
    event: Event
    before: State | str
    after: State | str
    by: int
    reason: str
    report: ReportView | None = None


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A report text about to be sealed or saved, given to ``check_report``."""

    request: RequestView
    findings: str
    impression: str
    positive: bool | None
    images: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One remark on a draft. :param span: (field, start, end) in characters, if it points somewhere."""

    level: Literal["error", "warning", "note"]
    code: str
    text: str
    span: tuple[str, int, int] | None = None
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the hospital asks for.

    :param group: tenant code; :param reader: public id of a member of the group
    :param fee: the fee that was shown, fen (0: none); another one by now refuses the request. ``None``: none was asked for
    """

    group: str
    urgency: Urgency = Urgency.NORMAL
    parts: Sequence[PartCount] = ()
    reader: str | None = None
    purpose: str = ""
    fee: int | None = None


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts, and from which side. :param user: account id, 0 for the system."""

    user: int
    side: Side | Literal["system"]


@dataclass(frozen=True, kw_only=True)
class RequestQuery:
    """Filter of requests; empty fields do not filter. Times are half-open ``[since, until)``, UTC.

    :param ids: as events carry them
    :param priced: only those submitted at a price
    """

    states: Collection[State] = ()
    study_ids: Collection[int] = ()
    priced: bool = False
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    after: str | None = None
    ids: Collection[int] = ()


@dataclass(frozen=True, kw_only=True)
class RequestPage:
    items: Sequence[RequestView] = field(default_factory=tuple)
    next: str | None = None


class Consultations(Protocol):
    """Capability ``consultations``."""

    def get(self, public_id: str) -> RequestView: ...
    def of_studies(self, ids: Collection[int]) -> Mapping[int, Sequence[RequestView]]: ...
    def report(self, ref: RequestRef, n: int | None = None) -> ReportView | None: ...
    def find(self, q: RequestQuery) -> RequestPage: ...
    def request(self, study_id: int, terms: Terms, *, by: Actor) -> RequestView: ...
    def advance(
        self, ref: RequestRef, event: Event, *, version: int, by: Actor, reason: str = ""
    ) -> RequestView: ...


PAGE = 200


def has_open_price(ctx: Ctx, provider: str) -> bool:
    """Whether an open request of this group has a price that a plugin named: once it is off, nobody charges it.

    What a provider of ``billing`` asks in ``check_disable``. On the hospital's side it is never so: the tariff is the group's.
    """
    consultations = ctx.get(Consultations) if ctx.side == "group" else None
    after: str | None = None
    while consultations is not None:
        found = consultations.find(RequestQuery(states=[s for s in State if s.is_open], priced=True, limit=PAGE, after=after))
        if any(view.agreed and view.agreed.provider == provider for view in found.items):
            return True
        if (after := found.next) is None:
            break
    return False
