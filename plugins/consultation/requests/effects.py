"""What a move does besides moving: claims, versions, grants, notices, events. Same transaction, no network, no files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from plugin_sdk import events
from plugin_sdk.consultation import Event, State, VersionStatus
from plugin_sdk.types import Ctx
from plugins.consultation.models import Document, Draft, ReportVersion, Request
from plugins.consultation.reports import versions
from plugins.consultation.requests import claims, queries
from plugins.consultation.requests.guards import Move
from plugins.consultation.settings import Reading

IMAGES = frozenset({"case", "images", "captures", "attachments", "report"})


def hospital(m: Move) -> Ctx:
    return m.ctx if m.ctx.side == "hospital" else m.ctx.at(m.row.link_id)


def group(m: Move) -> Ctx:
    return m.ctx if m.ctx.side == "group" else m.ctx.at(m.row.link_id)


def ref(row: Request) -> str:
    return f"consultation:request:{row.public_id}"


def _close(m: Move, how: str) -> None:
    m.row.closed_at = m.ctx.now()
    m.ctx.emit(events.RequestClosed(request_id=m.row.id, how=how))


def _withdraw(m: Move) -> None:
    _close(m, "withdrawn")
    hospital(m).grants.revoke(m.row.study_id, tenant_id=m.row.group_id, reason_ref=ref(m.row))
    group(m).notify("request.withdrawn", users=[m.row.reader_named or 0], code="group.request.accept", ref=ref(m.row))


def _return(m: Move) -> None:
    _close(m, "returned")
    hospital(m).grants.revoke(m.row.study_id, tenant_id=m.row.group_id, reason_ref=ref(m.row))
    hospital(m).notify("request.returned", users=[m.row.requester], ref=ref(m.row))


def _accept(m: Move) -> None:
    m.row.author_until = None
    _hold(m, m.row, claims.me(m.ctx), m.ctx.user.name if m.ctx.user else "", "taken")
    if m.before is State.SUBMITTED:
        hospital(m).notify("request.accepted", users=[m.row.requester], ref=ref(m.row))
    else:
        m.row.opened_at = m.ctx.now()


def _hold(m: Move, row: Request, user_id: int, name: str, how: str) -> None:
    claims.take(m.ctx, row, user_id, name)
    row.reader, row.reader_name = user_id, name
    if row.accepted_at is None:
        row.accepted_at = m.ctx.now()
    m.ctx.emit(events.ClaimChanged(request_id=row.id, user_id=user_id, how=how))


def _assign(m: Move) -> None:
    assert m.reader is not None
    _keep_draft(m)
    if m.claim_user is not None and m.claim_user != m.reader.id:
        m.ctx.notify("claim.taken_back", users=[m.claim_user], ref=ref(m.row))
    _hold(m, m.row, m.reader.id, m.reader.name, "assigned")
    m.ctx.notify("request.submitted", users=[m.reader.id], ref=ref(m.row))


def _open(m: Move) -> None:
    m.row.opened_at = m.ctx.now()
    m.row.author_until = None
    claims.take(m.ctx, m.row, claims.me(m.ctx), m.ctx.user.name if m.ctx.user else "")
    for kind in ("report.rejected", "report.returned"):
        m.ctx.todo_done(kind, ref=ref(m.row))


def _unlock(m: Move) -> None:
    _keep_draft(m)
    if m.event is Event.UNLOCK and m.claim_user not in (None, claims.me(m.ctx)):
        m.ctx.notify("claim.taken_back", users=[m.claim_user], ref=ref(m.row))
    how = "lapsed" if m.event is Event.LAPSE else "released"
    m.ctx.emit(events.ClaimChanged(request_id=m.row.id, user_id=m.claim_user or 0, how=how))
    claims.free(m.row)
    if m.step.to is State.SUBMITTED:
        m.row.accepted_at = None


def _keep_draft(m: Move) -> None:
    """The draft becomes a numbered version: whoever goes on may start from it, nothing is lost."""
    draft = queries.draft_of(m.ctx, m.row.id)
    if draft is None or not (draft.findings or draft.impression):
        return
    last = queries.last_version(m.ctx, m.row.id)
    reviewing = m.before is State.REVIEWING or (m.adjusting and last is not None and last.status is VersionStatus.IN_REVIEW)
    author = last.author if reviewing and last is not None else draft.author
    versions.write(
        m.ctx, m.row, versions.text_of_draft(draft), author=author,
        status=VersionStatus.IN_REVIEW if reviewing else VersionStatus.DRAFT,
    )


def _send_to_review(m: Move) -> None:
    version = versions.write(m.ctx, m.row, m.text, status=VersionStatus.IN_REVIEW, author=claims.me(m.ctx))
    _follow(m, version)
    if not m.adjusting:
        m.row.reader, m.row.reader_name = claims.me(m.ctx), m.ctx.user.name if m.ctx.user else ""
    claims.free(m.row)
    m.ctx.notify("review.waiting", code="group.report.review", ref=ref(m.row))


def _follow(m: Move, version: ReportVersion) -> None:
    """Let the draft say what was handed over, so that the next hand starts from it."""
    draft = queries.draft_of(m.ctx, m.row.id)
    if draft is None:
        _draft_from(m, version)
        return
    draft.findings, draft.impression, draft.positive = version.findings, version.impression, version.positive
    draft.images = [i["id"] for i in version.images]
    draft.rev += 1


def _start_review(m: Move) -> None:
    claims.take(m.ctx, m.row, claims.me(m.ctx), m.ctx.user.name if m.ctx.user else "")
    m.ctx.emit(events.ClaimChanged(request_id=m.row.id, user_id=claims.me(m.ctx), how="taken"))


def _submit(m: Move) -> None:
    _seal(m, author=claims.me(m.ctx))


def _approve(m: Move) -> None:
    last = queries.last_version(m.ctx, m.row.id)
    _seal(m, author=last.author if last is not None else claims.me(m.ctx))


def _seal(m: Move, *, author: int) -> None:
    me = claims.me(m.ctx)
    version = versions.write(m.ctx, m.row, m.text, status=VersionStatus.IN_REVIEW, author=author)
    versions.seal(m.ctx, m.row, version, reviewer=me)
    m.row.reviewer, m.row.reviewer_name = me, m.ctx.user.name if m.ctx.user else ""
    if not m.adjusting:
        m.row.approved_at = m.ctx.now()
    claims.free(m.row)
    m.ctx.db.execute(sa.delete(Draft).where(Draft.request_id == m.row.id))
    m.ctx.audit("report.sealed", ref=ref(m.row), n=version.n, sha256=version.sha256)
    if m.adjusting:
        m.row.adjusted_at = m.ctx.now()
        _supersede(m, "superseded")
        m.ctx.emit(events.ReportAdjusted(request_id=m.row.id, n=version.n, sha256=version.sha256))
        hospital(m).notify("report.adjusted", users=[m.row.requester], ref=ref(m.row))
    else:
        m.ctx.emit(events.ReportSealed(request_id=m.row.id, n=version.n, sha256=version.sha256))
        hospital(m).notify("report.approved", users=[m.row.requester], ref=ref(m.row))


def _supersede(m: Move, state: str) -> None:
    m.ctx.db.execute(
        sa.update(Document)
        .where(Document.request_id == m.row.id, Document.state.in_(("preview", "saved")))
        .values(state=state, voided_at=m.ctx.now())
        .execution_options(synchronize_session=False)
    )


def _reject(m: Move) -> None:
    last = queries.last_version(m.ctx, m.row.id)
    if last is not None and last.status is VersionStatus.IN_REVIEW:
        last.status = VersionStatus.DRAFT
    claims.free(m.row)
    m.row.author_until = _author_until(m)
    m.ctx.notify("report.rejected", users=[last.author if last else m.row.reader or 0], ref=ref(m.row))


def _author_until(m: Move) -> datetime:
    return m.ctx.now() + timedelta(minutes=group(m).settings(Reading).author_minutes)


def _return_report(m: Move) -> None:
    claims.free(m.row)
    m.row.author_until = _author_until(m)
    sealed = queries.sealed_of(m.ctx, m.row.id)
    draft = queries.draft_of(m.ctx, m.row.id)
    if sealed is not None and draft is None:
        _draft_from(m, sealed)
    hospital(m).todo_done("report.approved", ref=ref(m.row))
    group(m).notify("report.returned", users=sorted({m.row.reader or 0, m.row.reviewer or 0}), ref=ref(m.row))
    m.ctx.emit(events.ReportReturned(request_id=m.row.id, n=m.row.sealed_version or 0, side="hospital"))


def _draft_from(m: Move, version: ReportVersion) -> Draft:
    draft = Draft(
        hospital_id=m.row.hospital_id, group_id=m.row.group_id, link_id=m.row.link_id, request_id=m.row.id, rev=1,
        author=version.author, findings=version.findings, impression=version.impression, positive=version.positive,
        images=[i["id"] for i in version.images], reason=m.reason if m.event is Event.ADJUST else "",
        saved_by=claims.me(m.ctx), saved_name=m.ctx.user.name if m.ctx.user else "", saved_at=m.ctx.now(),
    )
    m.ctx.db.add(draft)
    m.ctx.db.flush()
    return draft


def _confirm(m: Move) -> None:
    m.row.confirmed_at = m.ctx.now()
    _close(m, "confirmed")
    m.ctx.emit(events.ReportConfirmed(request_id=m.row.id, n=m.row.sealed_version or 0, sha256=m.sha256 or ""))
    hospital(m).todo_done("report.approved", ref=ref(m.row))
    group(m).notify("report.confirmed", users=sorted({m.row.reader or 0, m.row.reviewer or 0}), ref=ref(m.row))


def _adjust(m: Move) -> None:
    """Open version n+1 from the text in force; nothing is in force but the old one until it is sealed."""
    claims.take(m.ctx, m.row, claims.me(m.ctx), m.ctx.user.name if m.ctx.user else "")
    if m.adjusting:
        return
    sealed = queries.sealed_of(m.ctx, m.row.id)
    assert sealed is not None
    _draft_from(m, sealed)
    text = versions.Text(
        findings=sealed.findings, impression=sealed.impression, positive=sealed.positive,
        images=[i["id"] for i in sealed.images],
    )
    versions.write(m.ctx, m.row, text, status=VersionStatus.DRAFT, author=claims.me(m.ctx), reason=m.reason)


def _delete(m: Move) -> None:
    m.row.closed_at = m.row.confirmed_at = m.row.printed_at = None
    _supersede(m, "void")
    m.ctx.audit("report.voided", ref=ref(m.row))
    m.ctx.emit(events.ReportVoided(request_id=m.row.id, n=m.row.sealed_version or 0))


def _printed(m: Move) -> None:
    m.row.printed_at = m.ctx.now()
    m.ctx.emit(events.ReportPrinted(request_id=m.row.id, n=m.row.sealed_version or 0))


EFFECTS: Mapping[Event, Callable[[Move], None]] = {
    Event.WITHDRAW: _withdraw,
    Event.RETURN: _return,
    Event.ACCEPT: _accept,
    Event.ASSIGN: _assign,
    Event.OPEN: _open,
    Event.UNLOCK: _unlock,
    Event.LAPSE: _unlock,
    Event.SEND_TO_REVIEW: _send_to_review,
    Event.SUBMIT: _submit,
    Event.START_REVIEW: _start_review,
    Event.APPROVE: _approve,
    Event.REJECT: _reject,
    Event.RETURN_REPORT: _return_report,
    Event.CONFIRM: _confirm,
    Event.ADJUST: _adjust,
    Event.DELETE_REPORT: _delete,
    Event.PRINTED: _printed,
}
