"""What the API takes and says about uploads, as models."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from plugin_sdk.web import Body

UploadState = Literal["receiving", "processing", "done"]


class UploadBody(Body):
    """Nothing: a batch of files that are then sent by tus, each with ``batch`` in its metadata."""


class FilesForm(Body):
    file: list[bytes] = Field(min_length=1, description="dcm or zip, as often as there are files")


class BegunAnswer(BaseModel):
    id: str = Field(json_schema_extra={"ref": "upload"})
    state: UploadState


class CountsAnswer(BaseModel):
    """They add up once the upload is done."""

    files: int
    stored: int
    duplicate: int
    held: int
    refused: int


class FileAnswer(BaseModel):
    """``outcome`` is empty while the file waits; ``parent`` is the zip that it came in."""

    id: str = Field(json_schema_extra={"ref": "upload"})
    parent: str | None
    name: str
    outcome: str
    reason: str
    text: str
    study_id: str | None = Field(json_schema_extra={"ref": "study"})


class UploadAnswer(BegunAnswer):
    counts: CountsAnswer
    files: list[FileAnswer] = Field(default_factory=list)
