"""The state machine as one table: from, event, side, permission, to. Views, buttons, API and docs derive from it.

Rows are those of the manual's machine, T-01 to T-19. What a row needs besides its state is a guard in ``guards.py``,
what it does a step in ``effects.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from plugin_sdk.consultation import Event, Side, State
from plugin_sdk.i18n import LazyText
from plugin_sdk.i18n import lazy as _l

Needs = Literal["", "reason", "claim", "report"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One allowed move.

    :param code: permission; for ``assign`` by the system and ``lapse`` nobody's
    :param needs: ``reason``, ``claim`` (mine), or ``report`` (claim, findings and impression)
    """

    t: str
    side: Side | Literal["system"]
    code: str
    to: State
    needs: Needs = ""


S, E = State, Event
ACCEPT, DIAGNOSE, REVIEW = "group.request.accept", "group.report.diagnose", "group.report.review"

TABLE: Mapping[tuple[State, Event], Step] = {
    (S.SUBMITTED, E.WITHDRAW): Step(t="T-02", side="hospital", code="hospital.request.withdraw", to=S.WITHDRAWN),
    (S.SUBMITTED, E.RETURN): Step(
        t="T-03", side="group", code="group.request.return", to=S.RETURNED_BY_GROUP, needs="reason"
    ),
    (S.SUBMITTED, E.ACCEPT): Step(t="T-04", side="group", code=ACCEPT, to=S.ACCEPTED),
    (S.SUBMITTED, E.ASSIGN): Step(t="T-04", side="group", code="group.request.assign", to=S.ACCEPTED),
    (S.ACCEPTED, E.ASSIGN): Step(t="T-04", side="group", code="group.request.assign", to=S.ACCEPTED),
    (S.DIAGNOSING, E.ASSIGN): Step(t="T-04", side="group", code="group.request.assign", to=S.ACCEPTED),
    (S.ACCEPTED, E.OPEN): Step(t="T-05", side="group", code=DIAGNOSE, to=S.DIAGNOSING, needs="claim"),
    (S.ACCEPTED, E.UNLOCK): Step(t="T-06", side="group", code=ACCEPT, to=S.SUBMITTED),
    (S.DIAGNOSING, E.UNLOCK): Step(t="T-06", side="group", code=ACCEPT, to=S.SUBMITTED),
    (S.ACCEPTED, E.LAPSE): Step(t="T-06", side="system", code="", to=S.SUBMITTED),
    (S.DIAGNOSING, E.LAPSE): Step(t="T-06", side="system", code="", to=S.SUBMITTED),
    (S.DIAGNOSING, E.SEND_TO_REVIEW): Step(t="T-07", side="group", code=DIAGNOSE, to=S.PENDING_REVIEW, needs="report"),
    (S.DIAGNOSING, E.SUBMIT): Step(t="T-08", side="group", code=DIAGNOSE, to=S.APPROVED, needs="report"),
    (S.PENDING_REVIEW, E.START_REVIEW): Step(t="T-09", side="group", code=REVIEW, to=S.REVIEWING),
    (S.REVIEWING, E.UNLOCK): Step(t="T-10", side="group", code=REVIEW, to=S.PENDING_REVIEW),
    (S.REVIEWING, E.LAPSE): Step(t="T-10", side="system", code="", to=S.PENDING_REVIEW),
    (S.REVIEWING, E.APPROVE): Step(t="T-11", side="group", code=REVIEW, to=S.APPROVED, needs="report"),
    (S.REVIEWING, E.REJECT): Step(t="T-12", side="group", code=REVIEW, to=S.REVIEW_REJECTED, needs="reason"),
    (S.REVIEW_REJECTED, E.OPEN): Step(t="T-13", side="group", code=DIAGNOSE, to=S.DIAGNOSING),
    (S.REVIEW_REJECTED, E.ACCEPT): Step(t="T-13", side="group", code=ACCEPT, to=S.DIAGNOSING),
    (S.APPROVED, E.RETURN_REPORT): Step(
        t="T-14", side="hospital", code="hospital.report.return", to=S.RETURNED_BY_HOSPITAL, needs="reason"
    ),
    (S.RETURNED_BY_HOSPITAL, E.OPEN): Step(t="T-15", side="group", code=DIAGNOSE, to=S.DIAGNOSING),
    (S.RETURNED_BY_HOSPITAL, E.ACCEPT): Step(t="T-15", side="group", code=ACCEPT, to=S.DIAGNOSING),
    (S.APPROVED, E.CONFIRM): Step(t="T-16", side="hospital", code="hospital.report.confirm", to=S.CONFIRMED),
    (S.CONFIRMED, E.ADJUST): Step(
        t="T-17", side="group", code="group.report.adjust", to=S.CONFIRMED, needs="reason"
    ),
    (S.CONFIRMED, E.DELETE_REPORT): Step(t="T-18", side="hospital", code="hospital.report.delete", to=S.APPROVED),
    (S.CONFIRMED, E.PRINTED): Step(t="T-19", side="hospital", code="hospital.report.print", to=S.CONFIRMED),
}

ADJUSTING: Mapping[Event, Step] = {
    E.SEND_TO_REVIEW: Step(t="T-07", side="group", code=DIAGNOSE, to=S.CONFIRMED, needs="report"),
    E.SUBMIT: Step(t="T-08", side="group", code=DIAGNOSE, to=S.CONFIRMED, needs="report"),
    E.START_REVIEW: Step(t="T-09", side="group", code=REVIEW, to=S.CONFIRMED),
    E.APPROVE: Step(t="T-11", side="group", code=REVIEW, to=S.CONFIRMED, needs="report"),
    E.REJECT: Step(t="T-12", side="group", code=REVIEW, to=S.CONFIRMED, needs="reason"),
    E.UNLOCK: Step(t="T-10", side="group", code=REVIEW, to=S.CONFIRMED),
}
"""While a CONFIRMED request has an unsealed version, these act on that version and the state stays."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a state is shown: a word per side, a tone and an icon of the design system."""

    hospital: LazyText
    group: LazyText
    tone: str
    icon: str


LOOKS: Mapping[State, Look] = {
    S.SUBMITTED: Look(hospital=_l("待处理"), group=_l("待接单"), tone="wait", icon="circle-dashed"),
    S.ACCEPTED: Look(hospital=_l("诊断中"), group=_l("已接收"), tone="held", icon="user"),
    S.DIAGNOSING: Look(hospital=_l("诊断中"), group=_l("诊断中"), tone="work", icon="pencil"),
    S.PENDING_REVIEW: Look(hospital=_l("审核中"), group=_l("待审核"), tone="review", icon="hourglass"),
    S.REVIEWING: Look(hospital=_l("审核中"), group=_l("审核中"), tone="review", icon="eye"),
    S.REVIEW_REJECTED: Look(hospital=_l("诊断中"), group=_l("审核未通过"), tone="back", icon="arrow-back-up"),
    S.APPROVED: Look(hospital=_l("已审核"), group=_l("审核通过"), tone="signed", icon="check"),
    S.RETURNED_BY_GROUP: Look(hospital=_l("诊断方退回"), group=_l("诊断方退回"), tone="back", icon="arrow-back-up"),
    S.RETURNED_BY_HOSPITAL: Look(hospital=_l("申请方退回"), group=_l("申请方退回"), tone="back", icon="arrow-back-up"),
    S.CONFIRMED: Look(hospital=_l("已完成"), group=_l("已确认"), tone="done", icon="checks"),
    S.WITHDRAWN: Look(hospital=_l("已撤回"), group=_l("已撤回"), tone="dashed", icon="circle-dashed"),
}
UNKNOWN = Look(hospital=_l("未知状态"), group=_l("未知状态"), tone="dashed", icon="help")


def look(state: object) -> Look:
    return LOOKS.get(state, UNKNOWN) if isinstance(state, State) else UNKNOWN


def label(state: object, side: str, *, printed: bool = False, adjusted: bool = False) -> LazyText:
    """The word for a state on a side. 已打印 and 已调整 are flags of a confirmed request, the newest wins."""
    if side == "group" and state is State.CONFIRMED:
        if adjusted:
            return _l("已调整")
        if printed:
            return _l("已打印")
    found = look(state)
    return found.hospital if side == "hospital" else found.group


def step_for(state: object, event: Event, *, adjusting: bool) -> Step | None:
    """The move that an event makes from a state, ``None`` when the machine has none."""
    if not isinstance(state, State):
        return None
    if state is State.CONFIRMED and adjusting and event in ADJUSTING:
        return ADJUSTING[event]
    return TABLE.get((state, event))
SIGNS = frozenset({Event.SUBMIT, Event.APPROVE})
"""Events that seal a report under the caller's name; whoever does so gave a password a short while ago."""
