"""What the API takes about requests: bodies and their examples, for the views and for the description of the API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from plugin_sdk.consultation import Event, PartCount, Terms, Urgency
from plugin_sdk.web import Body

CALLABLE = frozenset(Event) - {Event.REQUEST, Event.LAPSE, Event.RENEW}
WORDS = [e.value for e in CALLABLE]

Version = Annotated[int, Field(ge=0, le=2**31 - 1)]


class PartBody(Body):
    name: str = Field(min_length=1, max_length=60, examples=["胸部"])
    count: int = Field(default=1, ge=1, le=99)
    category: str = Field(default="", max_length=60)


class TermsBody(Body):
    group: str = Field(json_schema_extra={"ref": "tenant"})
    urgency: Literal["normal", "urgent"] = "normal"
    parts: list[PartBody] = Field(default_factory=list, max_length=50, examples=[[{"name": "胸部", "count": 1}]])
    reader: str | None = Field(default=None, json_schema_extra={"ref": "account"})
    purpose: str = Field(default="", max_length=1000)

    def terms(self) -> Terms:
        return Terms(
            group=self.group, urgency=Urgency(self.urgency), reader=self.reader or None, purpose=self.purpose,
            parts=[PartCount(name=p.name, count=p.count, category=p.category) for p in self.parts],
        )


class RequestBody(TermsBody):
    study_id: str = Field(json_schema_extra={"ref": "study"})


class BatchBody(TermsBody):
    study_ids: list[str] = Field(max_length=100, examples=[["06B3ZK8Q4T7XW2M9V5N1R0C8YD", "06B3ZK8Q4T7XW2M9V5N1R0C8YE"]], json_schema_extra={"ref": "study"})


class EventBody(Body):
    """What an event may carry; ``version`` is compulsory."""

    version: Version | None = None
    reason: str = Field(default="", max_length=1000)
    findings: str | None = None
    impression: str | None = None
    positive: bool | None = None
    images: list[str] | None = Field(default=None, json_schema_extra={"ref": "capture"})
    reader: str | None = Field(default=None, json_schema_extra={"ref": "account"})
    sha256: str | None = None


class RenewBody(Body):
    """``active``: somebody pressed a key or moved the pointer since; ``version`` is taken and not needed."""

    version: Version | None = None
    active: bool = True


class TextBody(Body):
    """The text of a report as it stands in the fields."""

    model_config = {**Body.model_config, "str_strip_whitespace": False}
    findings: str = Field(default="", examples=["双肺纹理清晰。"])
    impression: str = Field(default="", examples=["未见异常。"])
    positive: bool | None = None
    images: list[str] = Field(default_factory=list, json_schema_extra={"ref": "capture"})


class DraftBody(TextBody):
    """``keep_replaced``: the draft of this ``rev`` is kept 30 days for the writer, who saw it and wants another text."""

    rev: Version = Field(examples=[0])
    keep_replaced: bool = False


class ConfirmItem(Body):
    id: str = Field(json_schema_extra={"ref": "request"})
    version: Version
    sha256: str


class ConfirmBody(Body):
    items: list[ConfirmItem] = Field(max_length=100, examples=[[
        {"id": "06B3ZK8Q4T7XW2M9V5N1R0C8YD", "version": 3, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
        {"id": "06B3ZK8Q4T7XW2M9V5N1R0C8YE", "version": 5, "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"},
    ]])


class CaptureForm(Body):
    """``frame`` is 1-based, 0 when unknown."""

    file: bytes = Field(description="PNG or JPEG, at most 8 MB")
    sop_instance_uid: str = ""
    frame: int = Field(default=0, ge=0, le=999_999)
    caption: str = ""


WORDS_EXAMPLE = {"version": 3, "findings": "双肺纹理清晰。", "impression": "未见异常。", "positive": False}
REASON_EXAMPLE = {"version": 3, "reason": "请补充测量"}
EVENT_EXAMPLES: dict[str, dict[str, Any]] = {
    **{word: {"version": 3} for word in WORDS},
    **dict.fromkeys(("withdraw", "return", "reject", "return_report", "adjust", "delete_report"), REASON_EXAMPLE),
    **dict.fromkeys(("send_to_review", "submit"), WORDS_EXAMPLE),
    "assign": {"version": 3, "reader": "06B3ZK8Q4T7XW2M9V5N1R0C8YD"},
    "confirm": {"version": 3, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
}
