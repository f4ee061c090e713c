"""What the report workspace shows: who may do what with a request now, its text, images, versions and history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from plugin_sdk.consultation import Event, State, VersionStatus
from plugin_sdk.errors import Conflict, NotFound
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import CaptureView, Ctx, StudyFacts
from plugins.consultation.models import Entry, ReportVersion, Request
from plugins.consultation.reports import checks, versions
from plugins.consultation.requests import claims, queries
from plugins.consultation.requests.guards import AuthorFirst, NotNamed, SameSigner
from plugins.consultation.requests.machine import Step, step_for
from plugins.consultation.requests.present import draft_json
from plugins.consultation.settings import Connection

Mode = Literal["write", "review", "read"]
VERSION_WORDS = {
    VersionStatus.DRAFT: _l("草稿"),
    VersionStatus.IN_REVIEW: _l("待审核"),
    VersionStatus.SEALED: _l("已签发"),
    VersionStatus.SUPERSEDED: _l("已被替换"),
    VersionStatus.VOID: _l("已作废"),
}
WRITING = (Event.SEND_TO_REVIEW, Event.SUBMIT, Event.UNLOCK)
REVIEWING = (Event.APPROVE, Event.REJECT, Event.UNLOCK)
BACK = (Event.REJECT, Event.RETURN_REPORT)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The one step that makes the reader of this page its writer; ``why`` instead says why there is none."""

    event: Event | None = None
    label: object = ""
    why: object = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A request on the reader's desk.

    :ivar opens: it was accepted and is opened by looking at it here
    :ivar events: what the foot bar offers, each allowed by the machine and by the member's permissions
    :ivar waiting: the text is with a reviewer
    """

    row: Request
    mode: Mode
    opens: bool
    events: frozenset[Event]
    offer: Offer
    waiting: bool
    back: Entry | None
    text: Mapping[str, Any]
    study: StudyFacts | None
    captures: Sequence[CaptureView]
    versions: Sequence[Mapping[str, Any]]
    history: Sequence[Entry]


def of_request(ctx: Ctx, row: Request) -> Desk:
    """Everything the page needs, read once."""
    last, adjusting = queries.last_version(ctx, row.id), queries.adjusting(ctx, row) is not None
    waiting = last is not None and last.status is VersionStatus.IN_REVIEW
    mode = _mode(ctx, row, adjusting=adjusting, waiting=waiting)
    opens = mode == "write" and row.state is State.ACCEPTED
    history = queries.history_of(ctx, row.id)
    return Desk(
        row=row, mode=mode, opens=opens, waiting=waiting, history=history, back=_came_back(history),
        events=frozenset(_allowed(ctx, row, mode, State.DIAGNOSING if opens else row.state, adjusting)),
        offer=Offer() if mode != "read" else _offer(ctx, row, last, adjusting=adjusting),
        text=_text(ctx, row, mode, last), study=_study(ctx, row), captures=_captures(ctx, row),
        versions=_versions(ctx, row),
    )


def _mode(ctx: Ctx, row: Request, *, adjusting: bool, waiting: bool) -> Mode:
    if not claims.mine(ctx, row):
        return "read"
    if row.state is State.REVIEWING or (adjusting and waiting):
        return "review"
    return "write" if row.state in (State.ACCEPTED, State.DIAGNOSING) or adjusting else "read"


def _step(ctx: Ctx, state: object, event: Event, adjusting: bool) -> Step | None:
    step = step_for(state, event, adjusting=adjusting)
    return step if step is not None and step.side == ctx.side and ctx.may(step.code) else None


def _allowed(ctx: Ctx, row: Request, mode: Mode, state: object, adjusting: bool) -> Iterable[Event]:
    for event in {"write": WRITING, "review": REVIEWING, "read": ()}[mode]:
        if _step(ctx, state, event, adjusting) is None:
            continue
        if event is Event.SUBMIT and not (ctx.may("group.report.review") and _single_sign(ctx, row)):
            continue
        yield event


def _single_sign(ctx: Ctx, row: Request) -> bool:
    return ctx.settings(Connection, scope_id=row.link_id).allow_single_sign


def _offer(ctx: Ctx, row: Request, last: ReportVersion | None, *, adjusting: bool) -> Offer:
    if row.claim_user is not None:
        return Offer()
    if row.state is State.SUBMITTED and _step(ctx, row.state, Event.ACCEPT, adjusting):
        mine = row.reader_named in (None, claims.me(ctx))
        return Offer(event=Event.ACCEPT, label=_l("接单")) if mine else Offer(why=NotNamed.sentence)
    waits = last is not None and last.status is VersionStatus.IN_REVIEW
    if waits and last is not None and _step(ctx, row.state, Event.START_REVIEW, adjusting):
        if last.author == claims.me(ctx) and not _single_sign(ctx, row):
            return Offer(why=SameSigner.sentence)
        return Offer(event=Event.START_REVIEW, label=_l("开始审核"))
    if adjusting and last is not None and _step(ctx, row.state, Event.ADJUST, adjusting):
        return Offer(event=Event.ADJUST, label=_l("继续调整"), reason=last.reason)
    return _take_up(ctx, row, adjusting)


def _take_up(ctx: Ctx, row: Request, adjusting: bool) -> Offer:
    """A report that came back: its author opens it, others take it over once the author's time is up."""
    event = Event.OPEN if row.reader == claims.me(ctx) else Event.ACCEPT
    step = _step(ctx, row.state, event, adjusting)
    if step is None or step.to is not State.DIAGNOSING or row.state is State.ACCEPTED:
        return Offer()
    if event is Event.ACCEPT and row.author_until is not None and ctx.now() < row.author_until:
        return Offer(why=AuthorFirst.sentence)
    return Offer(event=event, label=_l("开始诊断"))


def _came_back(history: Sequence[Entry]) -> Entry | None:
    """Why the text is in the writer's hands again, until it is handed over the next time."""
    for entry in reversed(history):
        if entry.event in BACK:
            return entry
        if entry.event in (Event.SEND_TO_REVIEW, Event.SUBMIT, Event.APPROVE, Event.CONFIRM):
            return None
    return None


def _text(ctx: Ctx, row: Request, mode: Mode, last: ReportVersion | None) -> Mapping[str, Any]:
    """The draft to whoever writes; what was handed over or signed last to everybody else."""
    if mode != "read":
        draft = queries.draft_of(ctx, row.id)
        return draft_json(draft) if draft is not None else _blank(rev=0)
    if last is None:
        return _blank()
    return _blank(
        findings=last.findings, impression=last.impression, positive=last.positive, images=[i["id"] for i in last.images]
    )


def _blank(**given: Any) -> Mapping[str, Any]:
    return {"rev": 0, "findings": "", "impression": "", "positive": None, "images": [], "saved_at": None} | given


def _study(ctx: Ctx, row: Request) -> StudyFacts | None:
    """The hospital's own facts, ``None`` once study or connection is gone."""
    try:
        return ctx.at(row.link_id).studies.facts(row.study_id)
    except (NotFound, Conflict):
        return None


def _captures(ctx: Ctx, row: Request) -> Sequence[CaptureView]:
    try:
        return ctx.studies.captures(row.study_id)
    except NotFound:
        return ()


def _versions(ctx: Ctx, row: Request) -> Sequence[Mapping[str, Any]]:
    found = queries.versions_of(ctx, row.id)
    people = ctx.users.views([v.author for v in found])
    return [
        {
            "n": v.n,
            "status": str(VERSION_WORDS.get(v.status, v.status)),
            "author": people[v.author].name if v.author in people else "",
            "at": v.written_at,
            "findings": v.findings,
            "impression": v.impression,
            "positive": v.positive,
            "images": [i["id"] for i in v.images],
        }
        for v in found
    ]


def keep(ctx: Ctx, row: Request) -> dict[str, Any]:
    """Write the draft as a numbered version and ask the plugins about it.

    :raise ClaimNotMine: lapsed or taken back; :raise ReportEmpty: there is nothing to keep yet
    """
    claims.need_mine(ctx, row)
    text = versions.text_of_draft(queries.draft_of(ctx, row.id))
    if not (text.findings.strip() or text.impression.strip()):
        raise versions.ReportEmpty
    last = queries.last_version(ctx, row.id)
    in_review = last is not None and last.status is VersionStatus.IN_REVIEW
    version = versions.write(
        ctx, row, text, status=VersionStatus.IN_REVIEW if in_review else VersionStatus.DRAFT,
        author=last.author if in_review and last is not None else claims.me(ctx),
    )
    remarks = checks.findings(ctx, row, text)
    return {"n": version.n, "findings": [{"level": f.level, "code": f.code, "text": f.text} for f in remarks]}
