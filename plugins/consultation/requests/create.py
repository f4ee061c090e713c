"""T-01: a hospital asks a connected group for a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from plugin_sdk import events
from plugin_sdk.consultation import Change, Event, PartCount, State, Terms, Urgency
from plugin_sdk.errors import Conflict, Invalid, RefusedByPlugin, StudyCompleted, StudyLocked, StudyRequested
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Ctx, LinkView, StudyFacts, UserView
from plugins.consultation.models import Part, Request
from plugins.consultation.requests import claims, fees, queries
from plugins.consultation.requests.effects import IMAGES, ref
from plugins.consultation.requests.present import view_of
from plugins.consultation.requests.transition import enter
from plugins.consultation.settings import Connection, Reading

PARTS = (_l("头部"), _l("颈部"), _l("胸部"), _l("腹部"), _l("盆腔"), _l("脊柱"), _l("四肢"), _l("乳腺"), _l("其他"))
MOST_COUNT = 99
BODY_PARTS = {
    "HEAD": 0, "BRAIN": 0, "SKULL": 0, "NECK": 1, "CHEST": 2, "LUNG": 2, "THORAX": 2, "HEART": 2, "ABDOMEN": 3,
    "LIVER": 3, "KIDNEY": 3, "PELVIS": 4, "CSPINE": 5, "TSPINE": 5, "LSPINE": 5, "SPINE": 5, "EXTREMITY": 6, "HAND": 6,
    "FOOT": 6, "KNEE": 6, "ANKLE": 6, "SHOULDER": 6, "WRIST": 6, "BREAST": 7,
}


class StudyIncomplete(Conflict):
    code, sentence = "study-incomplete", _l("检查仍在接收，完成后再申请")


class ConnectionInactive(Conflict):
    code, sentence = "connection-inactive", _l("与该诊断组的对接未启用或已暂停接单")


class Draining(Conflict):
    code, sentence = "connection-inactive", _l("远程诊断正在停用，不再接受新的申请")


def suggested(body_part: str) -> str:
    """The part of the fixed list that (0018,0015) names, 其他 for anything else, empty for nothing."""
    word = body_part.strip().upper()
    if not word:
        return ""
    return str.__str__(PARTS[BODY_PARTS.get(word, 8)])


def request(ctx: Ctx, study_public_id: str, terms: Terms) -> Request:
    """Make a request; the study, its connection and the reader are checked in this transaction.

    :raise NotFound: no such study; :raise Conflict: the study or the connection does not allow it
    :raise Invalid: no part, an unknown reader, or a purpose that the hospital demands
    :raise FeeChanged: it costs another fee than was shown
    """
    study = ctx.studies.lock_row(ctx.studies.own(study_public_id).id)
    link = ctx.links.to_group(terms.group)
    if link is None:
        raise Invalid(errors=[{"field": "group", "message": str(_l("没有与该诊断组对接"))}])
    _check(ctx, study, link)
    other = ctx.at(link.id)
    _check_switches(ctx, other)
    reader = _reader(other, terms.reader)
    _check_terms(ctx, terms)
    row = _row(ctx, study, link, terms, reader)
    ctx.db.add(row)
    try:
        ctx.db.flush()
    except IntegrityError as error:
        raise StudyRequested from error
    _add_parts(ctx, row, terms.parts)
    fees.agree(ctx, row, terms)
    _ask_plugins(ctx, row)
    ctx.grants.give(study.id, tenant_id=link.group.id, scope=IMAGES, reason_ref=ref(row))
    ctx.studies.set_status(study.id, "requested")
    enter(ctx, row, Event.REQUEST, before=None, after=State.SUBMITTED, reason=terms.purpose, side="hospital")
    ctx.audit("request.request", ref=ref(row), version=row.version)
    ctx.emit(events.RequestSubmitted(request_id=row.id))
    other.notify(
        "request.submitted", users=[reader.id] if reader else [], code="" if reader else "group.request.accept",
        ref=ref(row), urgency=terms.urgency.value,
    )
    ctx.todo_done("request.returned", ref=_parent_ref(ctx, row))
    return row


def _check(ctx: Ctx, study: StudyFacts, link: LinkView) -> None:
    if study.locked:
        raise StudyLocked
    before = queries.of_studies(ctx, [study.id]).get(study.id, ())
    parallel = ctx.settings(Reading).parallel_groups
    if any(r.closed_at is None and (r.group_id == link.group.id or not parallel) for r in before):
        raise StudyRequested
    if study.status == "completed" and not parallel:
        raise StudyCompleted
    if not study.complete:
        raise StudyIncomplete
    if link.state != "active" or not link.accepting:
        raise ConnectionInactive


def _check_switches(ctx: Ctx, other: Ctx) -> None:
    """Both sides must have the plugin on; while it drains nothing new begins."""
    if "consultation" in ctx.draining:
        raise Draining
    if "consultation" not in other.enabled - other.draining:
        raise ConnectionInactive


def _check_terms(ctx: Ctx, terms: Terms) -> None:
    errors = []
    if not terms.parts:
        errors.append({"field": "parts", "message": str(_l("请至少选择一个咨询部位"))})
    if any(not 1 <= p.count <= MOST_COUNT or not 1 <= len(p.name) <= 60 for p in terms.parts):
        errors.append({"field": "parts", "message": str(_l("部位名称 1-60 字，数量 1-99"))})
    if len({p.name for p in terms.parts}) != len(terms.parts):
        errors.append({"field": "parts", "message": str(_l("部位重复"))})
    if ctx.settings(Reading).purpose_required and not terms.purpose.strip():
        errors.append({"field": "purpose", "message": str(_l("请填写申请目的"))})
    if len(terms.purpose) > 1000:
        errors.append({"field": "purpose", "message": str(_l("最多 1000 字"))})
    if errors:
        raise Invalid(errors=errors)


def _reader(other: Ctx, public_id: str | None) -> UserView | None:
    if not public_id:
        return None
    found = other.users.by_public_id(public_id)
    if found is None or not other.users.holds(found.id, "group.request.accept"):
        raise Invalid(errors=[{"field": "reader", "message": str(_l("没有此接单人"))}])
    return found


def _row(ctx: Ctx, study: StudyFacts, link: LinkView, terms: Terms, reader: UserView | None) -> Request:
    at = ctx.now()
    promise = ctx.settings(Connection, scope_id=link.id)
    urgent = terms.urgency is Urgency.URGENT
    due = at + timedelta(minutes=promise.promise_urgent_minutes if urgent else promise.promise_normal_minutes)
    before = queries.of_studies(ctx, [study.id]).get(study.id, ())
    parent = next((r for r in before if r.group_id == link.group.id), None)
    return Request(
        hospital_id=ctx.tenant.id, group_id=link.group.id, link_id=link.id, study_id=study.id,
        study_public_id=study.public_id, parent_id=parent.id if parent else None, state=State.SUBMITTED, version=1,
        urgency=terms.urgency, purpose=terms.purpose.strip(), requester=claims.me(ctx),
        requester_name=ctx.user.name if ctx.user else "", reader_named=reader.id if reader else None,
        hospital_name=link.hospital.name, group_name=link.group.name, exam_no=study.accession_number,
        pid=study.patient_id, name=study.name, pinyin=study.pinyin, sex=study.sex, age=study.age,
        modality="/".join(study.modalities), device=study.device, study_at=study.study_at,
        part_names="、".join(p.name for p in terms.parts)[:200], n_instances=study.n_instances, requested_at=at,
        due_at=due, moved_at=at, work_rank=f"{0 if urgent else 1}{due:%Y%m%d%H%M%S}",
    )


def _add_parts(ctx: Ctx, row: Request, parts: Sequence[PartCount]) -> None:
    for part in parts:
        ctx.db.add(
            Part(
                hospital_id=row.hospital_id, group_id=row.group_id, link_id=row.link_id, request_id=row.id,
                name=part.name, category=part.category, count=part.count, rule=part.rule,
            )
        )
    ctx.db.flush()


def _ask_plugins(ctx: Ctx, row: Request) -> None:
    change = Change(
        request=view_of(ctx, row), event=Event.REQUEST, before="", after=State.SUBMITTED, by=claims.me(ctx), reason=""
    )
    for party in (ctx, ctx.at(row.link_id)):
        problems = party.hooks.check_transition(party, change)
        if problems:
            raise RefusedByPlugin(problems[0].text)


def _parent_ref(ctx: Ctx, row: Request) -> str:
    return ref(queries.by_id(ctx, row.parent_id)) if row.parent_id else ref(row)
