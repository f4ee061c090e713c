"""The one function that moves a request.

Version and state first, in one UPDATE: one winner. Then guards and the plugins' objections, then effects, the entry in
the history, the study's status and the events; all in the caller's transaction, undone as one when anything raises.
"""

from __future__ import annotations

import sqlalchemy as sa

from plugin_sdk.consultation import Change, Event, State
from plugin_sdk.errors import Forbidden, InvalidTransition, ReasonRequired, RefusedByPlugin, StaleVersion, Taken
from plugin_sdk.types import Ctx, UserView
from plugins.consultation.models import Entry, Request
from plugins.consultation.reports import versions
from plugins.consultation.reports.checks import check_report
from plugins.consultation.reports.versions import Text
from plugins.consultation.requests import claims, fees, queries
from plugins.consultation.requests.effects import EFFECTS, group, hospital, ref
from plugins.consultation.requests.guards import GUARDS, Move
from plugins.consultation.requests.machine import Step, step_for
from plugins.consultation.requests.present import view_of

LEAST_REASON = 2


def advance(
    ctx: Ctx,
    row: Request,
    event: Event,
    *,
    version: int,
    reason: str = "",
    text: Text | None = None,
    sha256: str | None = None,
    reader: UserView | None = None,
    system: bool = False,
) -> Request:
    """Move a request by an event, or raise and change nothing.

    :param version: the version the caller saw
    :param text: the report, where the event carries one; else the draft's
    :param system: a sweeper or a timer acts, not a person
    :raise InvalidTransition: the machine has no such move from this state, or not for this side
    :raise StaleVersion: somebody moved it since; :raise Taken: and holds it now
    :raise Forbidden: the permission is missing
    """
    before, adjusting = row.state, queries.adjusting(ctx, row) is not None
    step = step_for(before, event, adjusting=adjusting)
    side = "system" if system else ctx.side
    if step is None or step.side != side:
        raise _lost(row, event, version)
    if step.code and not ctx.may(step.code):
        raise Forbidden(permission=step.code)
    if event is Event.PRINTED and row.printed_at is not None:
        return row
    claim_user = row.claim_user
    _win(ctx, row, event, step, version)
    reason = reason.strip()
    if step.needs == "reason" and len(reason) < LEAST_REASON:
        raise ReasonRequired
    move = Move(
        ctx=ctx, row=row, event=event, step=step, before=before, claim_user=claim_user, reason=reason,
        text=text or versions.text_of_draft(queries.draft_of(ctx, row.id)) if step.needs == "report" else Text(),
        sha256=sha256, reader=reader, adjusting=adjusting,
    )
    if (guard := GUARDS.get(event)) is not None and not system:
        guard(move)
    if step.needs == "report":
        versions.check(move.text)
        if move.text.is_empty:
            raise versions.ReportEmpty
        check_report(ctx, row, move.text)
    _ask_plugins(move)
    EFFECTS[event](move)
    enter(ctx, row, _entered(move), before=before, after=step.to, reason=reason, side=side)
    owner = hospital(move)
    owner.studies.set_status(row.study_id, queries.status_of_study(ctx, row.study_id))
    ctx.audit(f"request.{event.value}", ref=ref(row), version=row.version)
    fees.settle(group(move), row, event)  # after the hospital's entry: logs are always locked in this order
    ctx.db.flush()
    return row


def _win(ctx: Ctx, row: Request, event: Event, step: Step, version: int) -> None:
    """Move state and version in one statement. Nobody who saw an older version gets past here."""
    moved = ctx.db.execute(
        sa.update(Request)
        .where(Request.id == row.id, Request.version == version, Request.state == row.state)
        .values(state=step.to, version=Request.version + 1, moved_at=ctx.now())
        .execution_options(synchronize_session=False)
    ).rowcount
    fresh = queries.by_id(ctx, row.id)
    if not moved:
        raise _lost(fresh, event, version)


def _lost(row: Request, event: Event, version: int) -> Exception:
    """Why nothing moved, with who holds it now."""
    facts = claims.facts(row)
    if event in (Event.ACCEPT, Event.START_REVIEW) and row.claim_user is not None:
        return Taken(**facts)
    if row.version != version:
        return StaleVersion(**facts)
    return InvalidTransition(**facts)


def _entered(move: Move) -> Event:
    """What the history says: sealing an adjustment is T-17, opening one is only an opening."""
    if move.event is Event.ADJUST:
        return Event.OPEN
    if move.adjusting and move.event in (Event.APPROVE, Event.SUBMIT):
        return Event.ADJUST
    return move.event


def enter(
    ctx: Ctx, row: Request, event: Event, *, before: State | None, after: State, reason: str, side: str
) -> None:
    """Write a line of the history."""
    last = queries.last_version(ctx, row.id)
    ctx.db.add(
        Entry(
            hospital_id=row.hospital_id, group_id=row.group_id, link_id=row.link_id, request_id=row.id, at=ctx.now(),
            event=event, before=before.value if before else "", after=after.value, by=claims.me(ctx),
            by_name=ctx.user.name if ctx.user else "", side=side, reason=reason, version=row.version,
            report_n=last.n if last else None,
        )
    )
    ctx.db.flush()


def _ask_plugins(move: Move) -> None:
    """Each party's enabled plugins may object. :raise RefusedByPlugin: the first objection"""
    change = Change(
        request=view_of(move.ctx, move.row), event=move.event, before=move.before, after=move.step.to,
        by=claims.me(move.ctx), reason=move.reason,
    )
    for party in (move.ctx, move.ctx.at(move.row.link_id)):
        problems = party.hooks.check_transition(party, change)
        if problems:
            raise RefusedByPlugin(problems[0].text, code=problems[0].code)
