"""What the pages of a request show, for both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from plugin_sdk.consultation import Event, State, Urgency
from plugin_sdk.errors import Forbidden, InvalidTransition, NotFound, ReasonRequired
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.types import Ctx
from plugin_sdk.web import form_version, slot_tabs
from plugin_sdk.words import SEX
from plugins.consultation.models import Entry, Request
from plugins.consultation.requests import claims, queries
from plugins.consultation.requests.cells import StateCell, TimeLeft
from plugins.consultation.requests.machine import TABLE, label
from plugins.consultation.requests.present import reason_for, shown_report, view_of
from plugins.consultation.requests.transition import advance

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
DONE: Mapping[Event, object] = {
    Event.WITHDRAW: _l("申请已撤回，可从检查列表重新申请"),
    Event.RETURN: _l("申请已退回"),
    Event.RETURN_REPORT: _l("报告已退回诊断方"),
    Event.CONFIRM: _l("报告已确认"),
    Event.DELETE_REPORT: _l("报告文件已作废，申请回到已审核"),
}

NOT_STARTED = frozenset({State.SUBMITTED, State.RETURNED_BY_GROUP, State.WITHDRAWN})
AFTER_START = frozenset({"content", "history"})
REACHED: Mapping[State, int] = {
    State.SUBMITTED: 1, State.RETURNED_BY_GROUP: 1, State.WITHDRAWN: 1, State.ACCEPTED: 2, State.DIAGNOSING: 2,
    State.REVIEW_REJECTED: 2, State.RETURNED_BY_HOSPITAL: 2, State.PENDING_REVIEW: 3, State.REVIEWING: 3,
    State.APPROVED: 4, State.CONFIRMED: 5,
}
"""How many of the five steps are done in a state."""
CAME_BACK = frozenset({State.RETURNED_BY_GROUP, State.RETURNED_BY_HOSPITAL, State.WITHDRAWN, State.REVIEW_REJECTED})
STEPS: Sequence[tuple[object, Sequence[Event]]] = (
    (_l("提交申请"), (Event.REQUEST,)),
    (_l("接单"), (Event.ACCEPT, Event.ASSIGN)),
    (_l("诊断"), (Event.SEND_TO_REVIEW, Event.SUBMIT)),
    (_l("审核"), (Event.APPROVE, Event.SUBMIT)),
    (_l("医院确认"), (Event.CONFIRM,)),
)
DIAGNOSIS = 2
WAITING: Mapping[State, object] = {
    State.SUBMITTED: _l("等待接单"), State.ACCEPTED: _l("已接单"), State.DIAGNOSING: _l("诊断中"),
    State.REVIEW_REJECTED: _l("修改中"), State.PENDING_REVIEW: _l("等待审核"), State.REVIEWING: _l("审核中"),
    State.APPROVED: _l("等待医院确认"),
}


@dataclass(frozen=True)
class Tab:
    label: object
    url: str
    active: bool
    count: int = 0


@dataclass(frozen=True)
class Step:
    """One of the five steps; ``state`` is ``done now next returned``."""

    label: object
    note: str
    state: str


def started(row: Request) -> bool:
    """Whether somebody took the request: before, there is neither text nor record to show."""
    return row.state not in NOT_STARTED


def detail(ctx: Ctx, row: Request, tab: str, tabs: Mapping[str, object], endpoint: str) -> dict[str, Any]:
    """Everything the page of one request needs; ``?part=`` opens the tab of a plugin.

    :raise NotFound: a tab that this request does not have yet, or of a plugin that adds none
    """
    added, part = slot_tabs("request.tab"), request.args.get("part", "")
    if (tab in AFTER_START and not started(row)) or part not in {"", *(t.owner for t in added)}:
        raise NotFound
    hospital = ctx if ctx.side == "hospital" else ctx.at(row.link_id)
    history = queries.history_of(ctx, row.id)
    named = ctx.users.view(row.reader_named) if row.reader_named else None
    return {
        "row": row,
        "state": StateCell(row, ctx.side),
        "left": TimeLeft(row, ctx.now()),
        "tab": "" if part else tab,
        "part": part,
        "tabs": [
            *(
                Tab(title, url_for(endpoint, id=row.public_id, tab=key), key == tab and not part, len(history) if key == "history" else 0)
                for key, title in tabs.items()
                if started(row) or key not in AFTER_START
            ),
            *(Tab(t.title, url_for(endpoint, id=row.public_id, part=t.owner), t.owner == part) for t in added),
        ],
        "view": view_of(ctx, row),
        "side": ctx.side,
        "started": started(row),
        "steps": steps(ctx, row, history),
        "came_back": came_back(ctx, row, history),
        "study": hospital.studies.facts(row.study_id),
        "reveal_url": _reveal_url(ctx, row),
        "sex": SEX.get(row.sex, "-"),
        "urgent": row.urgency is Urgency.URGENT,
        "parts": queries.parts_of(ctx, row.id),
        "named": named.name if named else _("不指定"),
        "report": shown_report(ctx, row) if started(row) else None,
        "history": [_line(ctx, e) for e in reversed(history)],
        "can": {
            e.value for (s, e), step in TABLE.items() if s == row.state and step.side == ctx.side and ctx.may(step.code)
        },
    }


def _reveal_url(ctx: Ctx, row: Request) -> str:
    """Where this side asks for the patient's whole phone; empty without the right."""
    if ctx.side == "group":
        return url_for("diagnosis.ask_reveal", id=row.public_id, field="phone") if ctx.may("group.request.reveal") else ""
    study = ctx.studies.facts(row.study_id).public_id
    return url_for("studies.ask_reveal", id=study, field="phone") if ctx.may("hospital.study.reveal") else ""


def _line(ctx: Ctx, entry: Entry) -> dict[str, Any]:
    after = State(entry.after) if entry.after in State.__members__ else entry.after
    return {
        "at": entry.at, "title": TITLES.get(entry.event, str(entry.event)), "who": entry.by_name or _("系统"),
        "reason": reason_for(ctx, entry), "to": label(after, ctx.side), "version": entry.report_n,
    }


def steps(ctx: Ctx, row: Request, history: Sequence[Entry]) -> list[Step]:
    """The five steps with name and minute; what came back is a step back, not an error."""
    last = {entry.event: entry for entry in history}
    now = REACHED.get(row.state, 0)
    made = []
    for n, (title, events) in enumerate(STEPS):
        if n < now:
            entry = max((last[e] for e in events if e in last), key=lambda e: e.id, default=None)
            made.append(Step(title, _signed(ctx, entry, row.reader_name if n == 1 else ""), "done"))
        elif n > now:
            made.append(Step(title, "", "next"))
        elif _is_back(ctx, row) and history:
            entry = history[-1]
            made.append(Step(title, f"{_signed(ctx, entry)} {TITLES.get(entry.event, '')}", "returned"))
        else:
            holder = row.claim_name or (row.reader_name if n == DIAGNOSIS else "")
            since = f"{holder} {_minute(ctx, row.moved_at)} " if holder else ""
            made.append(Step(title, f"{since}{WAITING.get(row.state, '')}", "now"))
    return made


def came_back(ctx: Ctx, row: Request, history: Sequence[Entry]) -> str:
    """Why the request came back, as far as this side may know; empty if it did not."""
    return reason_for(ctx, history[-1]) if history and _is_back(ctx, row) else ""


def _is_back(ctx: Ctx, row: Request) -> bool:
    """A reviewer's rejection stays within the group: the hospital sees 诊断中."""
    return row.state in CAME_BACK and not (ctx.side == "hospital" and row.state is State.REVIEW_REJECTED)


def _signed(ctx: Ctx, entry: Entry | None, name: str = "") -> str:
    if entry is None:
        return name
    return f"{name or entry.by_name or _('系统')} {_minute(ctx, entry.at)}"


def _minute(ctx: Ctx, at: datetime) -> str:
    return at.astimezone(ZoneInfo(ctx.tenant.zone)).strftime("%m-%d %H:%M")


def must(ctx: Ctx, event: Event) -> None:
    """Ask for the permission before anything is looked up. :raise Forbidden: it is missing"""
    codes = [step.code for (_state, e), step in TABLE.items() if e is event and step.side == ctx.side]
    if codes and not any(ctx.may(code) for code in codes):
        raise Forbidden(permission=codes[0])


def ask(
    ctx: Ctx, row: Request, event: Event, *, action: str, back: str, errors: Mapping[str, object] | None = None
) -> str:
    """The dialog before something that cannot be undone: what it does, and a reason where one is needed.

    :raise InvalidTransition: the state does not allow it
    """
    step = TABLE.get((row.state, event))
    if step is None or step.side != ctx.side:
        raise InvalidTransition(**claims.facts(row))
    return render_template(
        "consultation/ask.html", row=row, title=TITLES[event], action=action, reason=step.needs == "reason",
        consequence=CONSEQUENCES.get(event, ""), danger=event in DANGEROUS, errors=errors or {}, back=back,
        text=request.form.get("reason", ""), fragment=request.headers.get("HX-Target") == "dialog#dialog",
    )


def move(ctx: Ctx, id: str, event: Event, *, action: str, back: str) -> ResponseReturnValue:
    """Do what the dialog asked about; a reason that is missing is named in the dialog, which keeps what was typed."""
    must(ctx, event)
    row = queries.ref_or_404(ctx, id)
    try:
        advance(
            ctx, row, event, version=form_version(), reason=request.form.get("reason", ""),
            sha256=request.form.get("sha256"),
        )
    except ReasonRequired as error:
        ctx.rollback()  # type: ignore[attr-defined]
        row = queries.ref_or_404(ctx, id)
        return ask(ctx, row, event, action=action, back=back, errors={"reason": error.sentence}), error.status
    flash(str(DONE[event]), "good")
    return redirect(back, 303)
