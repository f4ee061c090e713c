"""Requests and reports as others see them: views of the contract, and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugin_sdk.consultation import (
    Agreed,
    Charge,
    Claim,
    PartCount,
    Person,
    ReportImage,
    ReportView,
    RequestRef,
    RequestView,
    State,
)
from plugin_sdk.types import Ctx, UserView
from plugins.consultation.models import Draft, Entry, ReportVersion, Request
from plugins.consultation.requests import claims, queries
from plugins.consultation.requests.machine import label

TIMES = ("requested_at", "due_at", "accepted_at", "opened_at", "approved_at", "confirmed_at", "printed_at", "closed_at")
SNAPSHOT = ("exam_no", "pid", "name", "pinyin", "sex", "age", "modality", "device", "study_at", "hospital_name")


def ref_of(row: Request) -> RequestRef:
    return RequestRef(
        id=row.id, public_id=row.public_id, study_id=row.study_id, link_id=row.link_id, hospital_id=row.hospital_id,
        group_id=row.group_id,
    )


def flags_of(row: Request, *, adjusting: bool = False) -> frozenset[str]:
    found = set()
    if row.printed_at is not None:
        found.add("printed")
    if adjusting:
        found.add("adjusting")
    return frozenset(found)


def view_of(ctx: Ctx, row: Request) -> RequestView:
    """The whole request, with its people by public id."""
    people = ctx.users.views([i for i in (row.requester, row.reader_named, row.reader, row.reviewer, row.claim_user) if i])
    return RequestView(
        ref=ref_of(row),
        state=row.state,
        version=row.version,
        urgency=row.urgency,
        parts=[
            PartCount(name=p.name, category=p.category, count=p.count, rule=p.rule)
            for p in queries.parts_of(ctx, row.id)
        ],
        requester=_person(people, row.requester),
        reader_named=_person(people, row.reader_named),
        reader=_person(people, row.reader),
        reviewer=_person(people, row.reviewer),
        claim=_claim(row),
        times={name: getattr(row, name) for name in TIMES},
        snapshot={name: getattr(row, name) for name in SNAPSHOT},
        purpose=row.purpose,
        flags=flags_of(row),
        agreed=agreed_of(row),
    )


def agreed_of(row: Request) -> Agreed | None:
    """The price frozen with a request."""
    if row.quote is None:
        return None
    lines = [Charge(**line) for line in row.quote["lines"]]
    return Agreed(provider=row.quote["provider"], tariff_version=row.tariff_version, lines=lines)


def report_view(ctx: Ctx, row: Request, version: ReportVersion) -> ReportView:
    people = ctx.users.views([version.author, version.reviewer or 0])
    return ReportView(
        request=ref_of(row), n=version.n, status=version.status, findings=version.findings,
        impression=version.impression, positive=version.positive,
        images=[ReportImage(**i) for i in version.images], author=_person(people, version.author),
        reviewer=_person(people, version.reviewer), sha256=version.sha256, sealed_at=version.sealed_at,
    )


def shown_report(ctx: Ctx, row: Request) -> ReportVersion | None:
    """The text a side may see: a hospital only what was signed, a group also what is being written."""
    if ctx.side == "hospital":
        return queries.sealed_of(ctx, row.id)
    return queries.sealed_of(ctx, row.id) or queries.last_version(ctx, row.id)


def _person(people: Mapping[int, UserView], user_id: int | None) -> Person | None:
    found = people.get(user_id or 0)
    return Person(user=found.id, id=found.public_id, name=found.name) if found else None


def _claim(row: Request) -> Claim | None:
    if row.claim_user is None or row.claim_until is None:
        return None
    return Claim(user=row.claim_user, name=row.claim_name, until=row.claim_until)


def summary(ctx: Ctx, row: Request) -> dict[str, Any]:
    """A request as the list of the API shows it: only its own row."""
    return {
        "id": row.public_id,
        "state": str(getattr(row.state, "value", row.state)),
        "label": str(label(row.state, ctx.side, printed=row.printed_at is not None, adjusted=is_adjusted(row))),
        "version": row.version,
        "urgency": str(getattr(row.urgency, "value", row.urgency)),
        "study": {
            "id": row.study_public_id,
            "accession_number": row.exam_no,
            "patient": {"id": row.pid, "name": row.name, "sex": row.sex, "age": row.age},
            "modalities": row.modality.split("/") if row.modality else [],
            "study_at": row.study_at,
        },
        "hospital": row.hospital_name,
        "group": row.group_name,
        "claim": {"user": row.claim_name, "until": row.claim_until.isoformat()} if row.claim_until else None,
        **{name: _iso(getattr(row, name)) for name in ("requested_at", "due_at", "accepted_at", "confirmed_at", "printed_at")},
    }


def is_adjusted(row: Request) -> bool:
    """Whether a later version than the first sealed one is in force: set when an adjustment is sealed."""
    return row.adjusted_at is not None


def whole(ctx: Ctx, row: Request) -> dict[str, Any]:
    """A request with parts, people, report, draft (to whoever holds the claim) and history."""
    view = view_of(ctx, row)
    version = shown_report(ctx, row)
    draft = queries.draft_of(ctx, row.id) if ctx.side == "group" and claims.mine(ctx, row) else None
    body = {
        **summary(ctx, row),
        "parts": [{"name": p.name, "count": p.count, "category": p.category} for p in view.parts],
        "purpose": row.purpose,
        "requester": _who(view.requester),
        "reader": _who(view.reader or view.reader_named),
        "reviewer": _who(view.reviewer),
        "report": report_json(version) if version else None,
        "adjusting": queries.adjusting(ctx, row) is not None,
        "history": [entry_json(ctx, e) for e in queries.history_of(ctx, row.id)],
    }
    if ctx.side == "group" and claims.mine(ctx, row):
        body["draft"] = draft_json(draft) if draft else {"rev": 0, "findings": "", "impression": "", "positive": None, "images": []}
    return body


def report_json(version: ReportVersion) -> dict[str, Any]:
    return {
        "version": version.n,
        "status": str(getattr(version.status, "value", version.status)),
        "sha256": version.sha256 or None,
        "findings": version.findings,
        "impression": version.impression,
        "positive": version.positive,
        "images": version.images,
        "sealed_at": _iso(version.sealed_at),
    }


def draft_json(draft: Draft) -> dict[str, Any]:
    return {
        "rev": draft.rev,
        "findings": draft.findings,
        "impression": draft.impression,
        "positive": draft.positive,
        "images": list(draft.images),
        "saved_at": draft.saved_at.isoformat(),
        "saved_by": draft.saved_name,
    }


def entry_json(ctx: Ctx, entry: Entry) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat(),
        "event": str(getattr(entry.event, "value", entry.event)),
        "from": entry.before or None,
        "to": entry.after,
        "by": entry.by_name,
        "side": entry.side,
        "reason": reason_for(ctx, entry),
        "version": entry.version,
        "report_version": entry.report_n,
    }


def reason_for(ctx: Ctx, entry: Entry) -> str:
    """A reviewer's opinion is for the author's house, not for the hospital."""
    if ctx.side == "hospital" and entry.after == State.REVIEW_REJECTED.value:
        return ""
    return entry.reason


def _who(person: Person | None) -> dict[str, str] | None:
    return {"id": person.id, "name": person.name} if person else None


def _iso(at: Any) -> str | None:
    return at.isoformat() if at else None
