"""What the API says about requests, as models: the description of the API and the check of its answers come from here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class RequestedPatient(BaseModel):
    id: str
    name: str
    sex: str
    age: str


class RequestedStudy(BaseModel):
    id: str = Field(json_schema_extra={"ref": "study"})
    accession_number: str
    patient: RequestedPatient
    modalities: list[str]
    study_at: str


class ClaimAnswer(BaseModel):
    user: str
    until: datetime


class RequestSummary(BaseModel):
    """A request as the caller's side sees it; ``label`` is its state in the caller's words."""

    id: str = Field(json_schema_extra={"ref": "request"})
    state: str
    label: str
    version: int
    urgency: str
    study: RequestedStudy
    hospital: str
    group: str
    claim: ClaimAnswer | None
    requested_at: datetime | None
    due_at: datetime | None
    accepted_at: datetime | None
    confirmed_at: datetime | None
    printed_at: datetime | None


class PartAnswer(BaseModel):
    name: str
    count: int
    category: str


class PersonAnswer(BaseModel):
    id: str = Field(json_schema_extra={"ref": "account"})
    name: str


class ReportAnswer(BaseModel):
    """``sha256`` is set once the version is sealed."""

    version: int
    status: str
    sha256: str | None
    findings: str
    impression: str
    positive: bool | None
    images: list[dict[str, Any]]
    sealed_at: datetime | None


class DraftAnswer(BaseModel):
    """Shown to whoever holds the claim; never saved before when ``rev`` is 0."""

    rev: int
    findings: str
    impression: str
    positive: bool | None
    images: list[Any]
    saved_at: datetime | None = None
    saved_by: str = ""


class EntryAnswer(BaseModel):
    """One step of a request's history."""

    model_config = {"populate_by_name": True}
    at: datetime
    event: str
    before: str | None = Field(alias="from")
    to: str
    by: str
    side: str
    reason: str
    version: int
    report_version: int | None


class RequestAnswer(RequestSummary):
    parts: list[PartAnswer]
    purpose: str
    requester: PersonAnswer | None
    reader: PersonAnswer | None
    reviewer: PersonAnswer | None
    report: ReportAnswer | None
    adjusting: bool
    history: list[EntryAnswer]
    draft: DraftAnswer | None = None


class EachAnswer(BaseModel):
    """How one of many ended: ``done``, or ``refused`` with the problem's code and sentence."""

    id: str
    outcome: str
    reason: str | None
    detail: str = ""
    request: str | None = Field(default=None, json_schema_extra={"ref": "request"})


class ManyAnswer(BaseModel):
    items: list[EachAnswer]


class ReaderAnswer(BaseModel):
    """``fee`` is whole fen, none where billing is off."""

    id: str = Field(json_schema_extra={"ref": "account"})
    name: str
    fee: int | None


class GroupAnswer(BaseModel):
    code: str = Field(json_schema_extra={"ref": "tenant"})
    name: str
    accepting: bool
    readers: list[ReaderAnswer]


class GroupsAnswer(BaseModel):
    items: list[GroupAnswer]


class OpeningAnswer(BaseModel):
    """``dicomweb`` is readable with the caller's session or token alone, until ``expires_at``."""

    access: str = Field(json_schema_extra={"ref": "access"})
    dicomweb: str
    viewer: str | None
    expires_at: datetime


class CaptureAnswer(BaseModel):
    id: str = Field(json_schema_extra={"ref": "capture"})
    sha256: str
    caption: str
