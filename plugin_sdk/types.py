"""Small values that hooks, declarations and contexts exchange. Frozen and keyword-only: new data is a new field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from .doors import Door, Doors
    from .events import DomainEvent
    from .panels import Period
    from .reveal import Purpose

T = TypeVar("T")
Side = Literal["hospital", "group"]
Scope = Literal["tenant", "account", "api", "node", "platform", "public"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why something is refused. ``field`` names the input it belongs to, empty for the whole."""

    code: str
    text: str
    field: str = ""


@dataclass(frozen=True, kw_only=True)
class Hold:
    """Answer of ``ingest``: keep the bytes, store no image, let a person decide."""

    reason: str
    text: str


@dataclass(frozen=True, kw_only=True)
class IngestItem:
    """One object on its way in. ``header`` holds DICOM attributes by keyword; sizes are bytes."""

    header: Mapping[str, Any]
    source_id: int | None
    sha256: str
    data_sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class StudyAction:
    kind: Literal["delete", "lock", "share"]
    study_ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class RowKey:
    """All that a plugin learns of a list's row."""

    id: int
    study_id: int
    request_id: int | None = None
    hospital_id: int = 0
    group_id: int = 0


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A marker in a list's row. ``tone`` is a class of the design system."""

    key: str
    label: str
    tone: str
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class TenantView:
    """A tenant as others may see it."""

    id: int
    code: str
    kind: Side
    name: str
    zone: str
    number: str = ""


@dataclass(frozen=True, kw_only=True)
class LinkView:
    """A hospital and a group that are connected."""

    id: int
    public_id: str
    hospital: TenantView
    group: TenantView
    state: str
    accepting: bool


@dataclass(frozen=True, kw_only=True)
class UserView:
    """An account as others may see it. ``id`` is internal, ``public_id`` goes outside."""

    id: int
    public_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """What others may know of a study they can see; texts as displayed, empty when the images lack them.

    :param modalities: as stored, e.g. ``("CT", "SR")``
    :param study_at: local wall clock of the modality, no time zone (DICOM has none)
    :param phone: the patient's, masked; the whole one by ``Studies.reveal``
    """

    id: int
    public_id: str
    uid: str
    tenant_id: int
    patient_id: str
    name: str
    pinyin: str
    sex: str
    age: str
    birth_date: str
    accession_number: str
    modalities: tuple[str, ...]
    body_part: str
    description: str
    institution_name: str
    department: str
    physician: str
    device: str
    study_at: str
    n_series: int
    n_instances: int
    status: str
    locked: bool
    complete: bool
    phone: str = ""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What another house answered. Header names are lower case; at most 1 MB of body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Ctx(Protocol):
    """All that a plugin may touch, in one tenant and for one user.

    Writes happen in the caller's transaction. ``now()`` is the database's wall clock in UTC.
    """

    @property
    def tenant(self) -> TenantView: ...
    @property
    def side(self) -> Side: ...
    @property
    def user(self) -> UserView | None: ...
    @property
    def db(self) -> Any: ...
    @property
    def enabled(self) -> frozenset[str]: ...
    @property
    def draining(self) -> frozenset[str]: ...
    @property
    def hooks(self) -> Any: ...
    @property
    def studies(self) -> Studies: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def users(self) -> Users: ...
    @property
    def files(self) -> Files: ...
    @property
    def links(self) -> Links: ...
    @property
    def doors(self) -> Doors: ...
    @property
    def door(self) -> Door | None: ...

    def reading(self) -> AbstractContextManager[Ctx]: ...
    def may(self, code: str) -> bool: ...
    def address(self, path: str) -> str: ...
    def now(self) -> datetime: ...
    def signing_time(self) -> datetime: ...
    def settings(self, of: type[T], *, scope_id: int | None = None) -> T: ...
    def get(self, capability: type[T]) -> T | None: ...
    def provider(self, capability: type[Any]) -> str | None: ...
    def at(self, link_id: int) -> Ctx: ...
    def audit(self, kind: str, *, ref: str, **facts: Any) -> None: ...
    def emit(self, event: DomainEvent) -> None: ...
    def enqueue(self, job: str, **args: Any) -> str: ...
    def at_time(self, due: datetime, job: str, *, key: str, **args: Any) -> None: ...
    def cancel_time(self, job: str, *, key: str) -> None: ...
    def notify(self, kind: str, *, users: Sequence[int] = (), code: str = "", ref: str, **facts: Any) -> None: ...
    def todo_done(self, kind: str, *, ref: str) -> None: ...
    def fetch(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Fetched: ...


class Studies(Protocol):
    """The tenant's own studies, and those granted to it."""

    def own(self, public_id: str) -> StudyFacts: ...
    def facts(self, study_id: int) -> StudyFacts: ...
    def lock_row(self, study_id: int) -> StudyFacts: ...
    def set_status(self, study_id: int, status: str) -> None: ...
    def instance_uids(self, study_id: int) -> Sequence[str]: ...
    def open_images(self, study_ids: Sequence[int]) -> Opening: ...
    def received(self, period: Period) -> Sequence[tuple[date, str, int]]: ...
    def opened(self, access: str, uids: Sequence[str] = ()) -> Sequence[StudyFacts]: ...
    def reveal(self, study_id: int, field: str, *, purpose: Purpose, ref: str) -> str: ...
    def captures(self, study_id: int, ids: Sequence[str] | None = None) -> Sequence[CaptureView]: ...
    def read_capture(self, study_id: int, capture_id: str) -> tuple[bytes, str]: ...
    def add_capture(
        self, study_id: int, *, data: bytes, sop: str, frame: int, caption: str
    ) -> CaptureView: ...


@dataclass(frozen=True, kw_only=True)
class Opening:
    """An opening of the viewer: who holds the session that asked may read these studies until ``expires_at`` (UTC)."""

    access: str
    study_uids: tuple[str, ...]
    dicomweb: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class CaptureView:
    """A key image. ``frame`` is 1-based, 0 when unknown."""

    id: str
    file_id: str
    sha256: str
    sop: str
    frame: int
    caption: str
    media: str
    at: datetime | None = None


class Grants(Protocol):
    """Give and take back the sight of studies. Never widens what a grant under a grant may show."""

    def give(
        self, study_id: int, *, tenant_id: int, scope: frozenset[str], reason_ref: str, until: datetime | None = None
    ) -> None: ...
    def revoke(self, study_id: int, *, tenant_id: int, reason_ref: str) -> int: ...


class Users(Protocol):
    def view(self, user_id: int) -> UserView | None: ...
    def views(self, ids: Sequence[int]) -> Mapping[int, UserView]: ...
    def by_public_id(self, public_id: str) -> UserView | None: ...
    def members(self, ids: Sequence[int]) -> list[int]: ...
    def holding(self, code: str) -> Sequence[UserView]: ...
    def holds(self, user_id: int, code: str) -> bool: ...
    def has_signature(self, user_id: int) -> bool: ...
    def signature(self, user_id: int) -> bytes | None: ...


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Bytes that are durable and have no name yet. ``size`` in bytes."""

    sha256: str
    size: int


class Files(Protocol):
    """Bytes of this tenant by digest: kept first, which syncs to disk, then named by a row in the transaction."""

    def keep(self, data: bytes) -> Kept: ...
    def put(self, kept: Kept, *, kind: str, media: str, name: str, study_id: int | None = None) -> str: ...
    def read(self, public_id: str) -> bytes: ...


class Links(Protocol):
    def active(self) -> Sequence[LinkView]: ...
    def by_public_id(self, public_id: str) -> LinkView: ...
    def get(self, link_id: int) -> LinkView: ...
    def to_group(self, code: str) -> LinkView | None: ...
