"""What must be true of requests and reports, whatever happened. Run by `telerad doctor --deep` and after every fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from plugin_sdk.consultation import CLAIMABLE, Event, State, VersionStatus
from plugin_sdk.invariants import Broken
from plugin_sdk.types import Ctx
from plugins.consultation.models import Document, Entry, ReportVersion, Request
from plugins.consultation.reports import versions
from plugins.consultation.requests import queries
from plugins.consultation.requests.machine import ADJUSTING, TABLE

SEALED = (VersionStatus.SEALED, VersionStatus.SUPERSEDED)


def check(house: Any) -> Iterator[Broken]:
    """Every request of the house, each in its group's ctx."""
    for group_id, request_id in house.scan(sa.select(Request.group_id, Request.id).order_by(Request.id)):
        with house.system_ctx(group_id, write=False) as ctx:
            row = queries.by_id(ctx, request_id)
            for rule, what in (*reports(ctx, row), *history(ctx, row), *claim(row), *projection(ctx, row)):
                yield Broken(rule, group_id, f"request {request_id}: {what}")


def reports(ctx: Ctx, row: Request) -> Iterator[tuple[str, str]]:
    """I5: versions 1 to n without a gap, sealed texts are what was signed, each names the one before."""
    found = ctx.db.scalars(
        sa.select(ReportVersion).where(ReportVersion.request_id == row.id).order_by(ReportVersion.n)
    ).all()
    if [v.n for v in found] != list(range(1, len(found) + 1)):
        yield "I5", f"versions {[v.n for v in found]}"
    sealed = [v for v in found if v.sealed_at is not None]
    for version in sealed:
        if not versions.holds(ctx, row, version):
            yield "I5", f"version {version.n} is not what was signed"
    for before, after in pairwise(sealed):
        if after.prev_sha256 != before.sha256:
            yield "I5", f"version {after.n} does not name version {before.n}"
    in_force = [v.n for v in found if v.status is VersionStatus.SEALED]
    if in_force not in ([], [row.sealed_version]):
        yield "I5", f"versions {in_force} in force, the request says {row.sealed_version}"
    for document in ctx.db.scalars(
        sa.select(Document).where(Document.request_id == row.id, Document.state.in_(("preview", "saved")))
    ):
        if document.version_n != row.sealed_version:
            yield "I5", f"document {document.id} shows version {document.version_n}"


def history(ctx: Ctx, row: Request) -> Iterator[tuple[str, str]]:
    """I6: every move is one of the machine's, each moved the version by one, and the last one led here."""
    found = ctx.db.scalars(sa.select(Entry).where(Entry.request_id == row.id).order_by(Entry.version, Entry.id)).all()
    numbers = [e.version for e in found]
    if numbers != list(range(1, len(found) + 1)) or not numbers or numbers[-1] != row.version:
        yield "I6", f"version {row.version}, history {numbers}"
    if found and found[-1].after != row.state:
        yield "I6", f"is {row.state}, history ends in {found[-1].after}"
    for entry in found:
        if not allowed(entry):
            yield "I6", f"{entry.before} {entry.event} {entry.after} is no move"
    for before, after in pairwise(found):
        if after.before != before.after:
            yield "I6", f"history jumps from {before.after} to {after.before}"


def allowed(entry: Entry) -> bool:
    if entry.event is Event.REQUEST:
        return (entry.before, entry.after) == ("", State.SUBMITTED.value)
    step = TABLE.get((State(entry.before), entry.event))
    if step is not None and step.to.value == entry.after:
        return True
    beside = ADJUSTING.get(entry.event) is not None or entry.event in (Event.OPEN, Event.ADJUST, Event.LAPSE)
    return beside and (entry.before, entry.after) == (State.CONFIRMED.value, State.CONFIRMED.value)


def claim(row: Request) -> Sequence[tuple[str, str]]:
    """I7: who holds a request holds it until a time, and only where one can be held."""
    if (row.claim_user is None) != (row.claim_until is None):
        return [("I7", "half a claim")]
    if row.claim_user is not None and row.state not in (*CLAIMABLE, State.CONFIRMED):
        return [("I7", f"held in {row.state}")]
    return []


def projection(ctx: Ctx, row: Request) -> Iterator[tuple[str, str]]:
    """The study's stored status is what its requests say."""
    hospital = ctx.at(row.link_id)
    said, stored = queries.status_of_study(hospital, row.study_id), hospital.studies.facts(row.study_id).status
    if said != stored:
        yield "I6", f"study {row.study_id} is stored as {stored}, its requests say {said}"
