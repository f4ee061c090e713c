"""What the pages of a request show, for both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template, request, url_for

from plugin_sdk.consultation import Event, State
from plugin_sdk.errors import InvalidTransition
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.types import Ctx
from plugins.consultation.models import Request
from plugins.consultation.requests import claims, queries
from plugins.consultation.requests.lists import SEX, StateCell, TimeLeft
from plugins.consultation.requests.machine import TABLE, label
from plugins.consultation.requests.present import reason_for, shown_report

TITLES: Mapping[Event, object] = {
    Event.REQUEST: _l("发起诊断"),
    Event.WITHDRAW: _l("撤回申请"),
    Event.RETURN: _l("退回申请"),
    Event.ACCEPT: _l("接单"),
    Event.ASSIGN: _l("分配"),
    Event.OPEN: _l("开始诊断"),
    Event.UNLOCK: _l("解锁"),
    Event.LAPSE: _l("锁定到期"),
    Event.SEND_TO_REVIEW: _l("流转审核"),
    Event.SUBMIT: _l("提交"),
    Event.START_REVIEW: _l("开始审核"),
    Event.APPROVE: _l("审核通过"),
    Event.REJECT: _l("审核退回"),
    Event.RETURN_REPORT: _l("退回诊断"),
    Event.CONFIRM: _l("确认报告"),
    Event.ADJUST: _l("调整内容"),
    Event.DELETE_REPORT: _l("删除报告"),
    Event.PRINTED: _l("打印报告"),
}
CONSEQUENCES: Mapping[Event, object] = {
    Event.WITHDRAW: _l("撤回后诊断方不再能查看影像，需从检查列表重新申请"),
    Event.RETURN: _l("退回后申请方需重新申请，本组不再能查看影像"),
    Event.RETURN_REPORT: _l("报告退回诊断方修改，已签发的版本保留"),
    Event.DELETE_REPORT: _l("报告文件作废，申请回到已审核；诊断内容不变，确认后重新生成"),
}
DANGEROUS = frozenset({Event.WITHDRAW, Event.DELETE_REPORT})


@dataclass(frozen=True)
class Tab:
    label: object
    url: str
    active: bool


@dataclass(frozen=True)
class Step:
    """One of the five steps; ``state`` is ``done now next returned``."""

    label: object
    note: str
    state: str


def detail(ctx: Ctx, row: Request, tab: str, tabs: Mapping[str, object], endpoint: str) -> dict[str, Any]:
    """Everything the page of one request needs."""
    hospital = ctx if ctx.side == "hospital" else ctx.at(row.link_id)
    return {
        "row": row,
        "state": StateCell(row, ctx.side),
        "left": TimeLeft(row, ctx.now()),
        "tab": tab,
        "tabs": [Tab(title, url_for(endpoint, id=row.public_id, tab=key), key == tab) for key, title in tabs.items()],
        "steps": steps(ctx, row),
        "study": hospital.studies.facts(row.study_id),
        "sex": SEX.get(row.sex, "-"),
        "parts": queries.parts_of(ctx, row.id),
        "report": shown_report(ctx, row),
        "history": [
            {"at": e.at, "title": TITLES.get(e.event, str(e.event)), "who": e.by_name or _("系统"), "reason": reason_for(ctx, e),
             "to": label(_state(e.after), ctx.side)}
            for e in queries.history_of(ctx, row.id)
        ],
        "can": {e.value for (s, e), step in TABLE.items() if s == row.state and step.side == ctx.side and ctx.may(step.code)},
        "mine": claims.mine(ctx, row),
    }


def _state(word: str) -> State | str:
    return State(word) if word in State.__members__ else word


def steps(ctx: Ctx, row: Request) -> list[Step]:
    """提交 接单 诊断 审核 确认, with name and minute; what came back is a step back, not an error."""
    zone_time = ctx.tenant.zone
    at = {
        0: (row.requested_at, row.requester_name), 1: (row.accepted_at, row.reader_name),
        2: (row.opened_at, row.reader_name), 3: (row.approved_at, row.reviewer_name), 4: (row.confirmed_at, ""),
    }
    now = {
        State.SUBMITTED: 1, State.ACCEPTED: 2, State.DIAGNOSING: 2, State.PENDING_REVIEW: 3, State.REVIEWING: 3,
        State.REVIEW_REJECTED: 2, State.APPROVED: 4, State.RETURNED_BY_HOSPITAL: 2, State.CONFIRMED: 5,
        State.RETURNED_BY_GROUP: 1, State.WITHDRAWN: 1,
    }.get(row.state, 0)
    back = row.state in (State.REVIEW_REJECTED, State.RETURNED_BY_HOSPITAL, State.RETURNED_BY_GROUP, State.WITHDRAWN)
    made = []
    for n, title in enumerate((_l("提交申请"), _l("接单"), _l("诊断"), _l("审核"), _l("医院确认"))):
        moment, who = at[n]
        state = "done" if n < now else ("returned" if back else "now") if n == now else "next"
        note = f"{who} {local(moment, zone_time)}".strip() if moment is not None and n <= now and state == "done" else ""
        made.append(Step(title, note, state))
    return made


def local(at: Any, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M") if at else ""


def ask(ctx: Ctx, row: Request, event: Event, action: str, *, errors: Mapping[str, str] | None = None) -> Any:
    """The dialog before something that cannot be undone: what it does, and a reason where one is needed."""
    step = TABLE.get((row.state, event))
    if step is None or step.side != ctx.side:
        raise InvalidTransition(**claims.facts(row))
    return render_template(
        "consultation/ask.html", row=row, title=TITLES[event], action=action, reason=step.needs == "reason",
        consequence=CONSEQUENCES.get(event, ""), danger=event in DANGEROUS, errors=errors or {},
        fragment=request.headers.get("HX-Target") == "dialog#dialog",
    )
