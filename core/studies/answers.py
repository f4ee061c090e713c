"""What the API says about studies, as models: the description of the API and the check of its answers come from here."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, Field


class PatientAnswer(BaseModel):
    """``id`` is (0010,0020)."""

    id: str
    name: str
    sex: str
    birth_date: date | None
    age: str


class StudySummary(BaseModel):
    """A study without its series; ``id`` is its data ID."""

    id: str = Field(json_schema_extra={"ref": "study"})
    study_instance_uid: str
    patient: PatientAnswer
    accession_number: str
    study_date: date | None
    study_time: str | None
    modalities: list[str]
    body_part: str
    description: str
    institution_name: str
    series_count: int
    instance_count: int
    status: str
    locked: bool
    complete: bool
    uploaded_at: datetime
    uploader: str
    device: str


class SeriesAnswer(BaseModel):
    series_instance_uid: str
    modality: str
    number: int | None
    description: str
    body_part: str
    instance_count: int
    hidden: bool


class StudyAnswer(StudySummary):
    series: list[SeriesAnswer]


class OpeningAnswer(BaseModel):
    """``dicomweb`` is readable with the caller's session or token alone, until ``expires_at``."""

    access: str = Field(json_schema_extra={"ref": "access"})
    dicomweb: str
    viewer: str | None
    expires_at: datetime
