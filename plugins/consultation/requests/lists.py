"""The lists of consultation: requests of a hospital, pending and completed cases of a group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import url_for

from plugin_sdk import masking
from plugin_sdk.consultation import Event, State, Urgency
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.ids import fold
from plugin_sdk.lists import Column, Filter, ListSpec, ListView, ManyAction, RowAction
from plugin_sdk.types import Badge, Ctx
from plugin_sdk.web import ctx
from plugin_sdk.words import SEX, end_moment, last_day, moment
from plugins.consultation.models import Request
from plugins.consultation.requests import queries
from plugins.consultation.requests.cells import StateCell, TimeLeft
from plugins.consultation.requests.machine import LOOKS, TABLE
from plugins.consultation.requests.present import is_adjusted

URGENCY = {u.value: u.label for u in Urgency}
MODALITIES = ("MR", "CT", "DR", "DX", "US")
DONE = (State.CONFIRMED,)
HIDDEN_AT_GROUP = (State.CONFIRMED, State.WITHDRAWN)


def by_name(value: str) -> sa.ColumnElement[bool]:
    text = value.strip()
    if len(text) == 1:
        return sa.or_(
            Request.name.startswith(text, autoescape=True), Request.pinyin.startswith(text.lower(), autoescape=True)
        )
    return sa.or_(
        Request.name.contains(text, autoescape=True), Request.pinyin.startswith(text.lower(), autoescape=True)
    )


def _one_of(enum: type[Any], column: Any) -> Callable[[Ctx, str], sa.ColumnElement[bool]]:
    return lambda _c, value: column == enum(value)


def _modality(_c: Ctx, value: str) -> sa.ColumnElement[bool]:
    words = ("CR", "DX", "RF", "DR") if value == "DR" else (value,)
    return sa.or_(*(Request.modality.contains(w, autoescape=True) for w in words))


def state_choices(side: str) -> Callable[[], Iterable[tuple[str, object]]]:
    return lambda: [(s.value, getattr(found, side)) for s, found in LOOKS.items() if side == "hospital" or s not in HIDDEN_AT_GROUP]


def badges(_ctx: Ctx, rows: Sequence[Request]) -> Mapping[int, Sequence[Badge]]:
    found: dict[int, list[Badge]] = {}
    for row in rows:
        if is_adjusted(row):
            found.setdefault(row.id, []).append(Badge(key="adjusted", label=str(_l("调")), tone="ochre", title=str(_l("报告已调整"))))
    return found


def tint(row: Request) -> str:
    return "urgent" if row.urgency is Urgency.URGENT and row.closed_at is None else ""


FILTERS = {
    "accession_number": Filter(key="accession_number", label=_l("检查编号"), exact=True, where=lambda c, v: Request.exam_no == v),
    "patient_id": Filter(key="patient_id", label=_l("病人ID"), exact=True, where=lambda c, v: Request.pid == v),
    "data_id": Filter(
        key="data_id", label=_l("数据ID"), exact=True, where=lambda c, v: Request.study_public_id == (fold(v) or v)
    ),
    "name": Filter(key="name", label=_l("姓名"), where=lambda c, v: by_name(v)),
    "from": Filter(
        key="requested_from", label=_l("申请时间"), kind="datetime", default=last_day,
        where=lambda c, v: Request.requested_at >= moment(c, v),
    ),
    "to": Filter(key="requested_to", label=_l("至"), kind="datetime", where=lambda c, v: Request.requested_at < end_moment(c, v)),
    "urgency": Filter(
        key="urgency", label=_l("申请类型"), kind="select", primary=False, choices=lambda: list(URGENCY.items()),
        where=_one_of(Urgency, Request.urgency),
    ),
    "modality": Filter(
        key="modality", label=_l("检查类型"), kind="select", primary=False, where=_modality,
        choices=lambda: [(m, m) for m in MODALITIES],
    ),
}


def _state(side: str) -> Filter:
    return Filter(
        key="state", label=_l("状态"), kind="select", choices=state_choices(side), where=_one_of(State, Request.state)
    )


def _columns(side: str) -> dict[str, Column]:
    return {
        "accession_number": Column(key="accession_number", label=_l("检查编号"), cell=lambda r: r.exam_no or "-", sort=Request.exam_no, fixed=True),
        "patient_id": Column(key="patient_id", label=_l("病人ID"), cell=lambda r: r.pid or "-", sort=Request.pid, fixed=True),
        "name": Column(key="name", label=_l("姓名"), cell=lambda r: r.name or _l("未知"), sort=Request.pinyin, macro="strong", mask=masking.name),
        "age": Column(key="age", label=_l("年龄"), cell=lambda r: r.age or _l("未知"), align="right"),
        "sex": Column(key="sex", label=_l("性别"), cell=lambda r: SEX.get(r.sex, "-")),
        "body_part": Column(key="body_part", label=_l("检查部位"), gives_way=True, cell=lambda r: r.part_names or "-"),
        "modality": Column(key="modality", label=_l("检查类型"), cell=lambda r: r.modality or "-", sort=Request.modality),
        "device": Column(key="device", label=_l("设备类型"), cell=lambda r: r.modality or "-"),
        "group": Column(key="group", label=_l("目标团队"), gives_way=True, cell=lambda r: r.group_name, sort=Request.group_name),
        "hospital": Column(key="hospital", label=_l("申请医院"), gives_way=True, cell=lambda r: r.hospital_name, sort=Request.hospital_name),
        "urgency": Column(key="urgency", label=_l("申请类型"), cell=lambda r: r.urgency is Urgency.URGENT, sort=Request.urgency, macro="urgency", text=lambda v: URGENCY["urgent" if v else "normal"]),
        "state": Column(key="state", label=_l("状态"), cell=lambda r: StateCell(r, side), sort=Request.state, macro="state"),
        "due_at": Column(key="due_at", label=_l("剩余时限"), cell=lambda r: TimeLeft(r, ctx.now()), sort=Request.work_rank, macro="time_left"),
        "handler": Column(key="reader", label=_l("处理人"), gives_way=True, cell=lambda r: r.claim_name or r.reader_name or "-", sort=Request.reader_name),
        "reader": Column(key="reader", label=_l("诊断医生"), gives_way=True, cell=lambda r: r.reader_name or "-", sort=Request.reader_name),
        "reviewer": Column(key="reviewer", label=_l("审核医生"), gives_way=True, cell=lambda r: r.reviewer_name or "-", sort=Request.reviewer_name),
        "requester": Column(key="requester", label=_l("申请人"), gives_way=True, cell=lambda r: r.requester_name, sort=Request.requester_name),
        "requested_at": Column(key="requested_at", label=_l("申请时间"), cell=lambda r: r.requested_at, sort=Request.requested_at, macro="time"),
        "accepted_at": Column(key="accepted_at", label=_l("接单时间"), cell=lambda r: r.accepted_at, macro="time"),
        "confirmed_at": Column(key="confirmed_at", label=_l("确定时间"), cell=lambda r: r.confirmed_at, macro="time"),
        "study_date": Column(key="study_date", label=_l("检查时间"), cell=lambda r: r.study_at[:16] or "-", sort=Request.study_at),
        "instance_count": Column(key="instance_count", label=_l("影像数"), cell=lambda r: r.n_instances, align="right", default=False),
        "findings": Column(key="findings", label=_l("影像表现"), load=queries.sealed_texts("findings"), default=False),
        "impression": Column(key="impression", label=_l("印象"), load=queries.sealed_texts("impression"), default=False),
        "data_id": Column(key="data_id", label=_l("数据ID"), cell=lambda r: r.study_public_id, default=False),
    }


def _pick(side: str, names: str) -> list[Column]:
    columns = _columns(side)
    return [columns[n] for n in names.split()]


def allowed(event: Event) -> Callable[[Request], bool]:
    """Whether the machine lets this event happen from the row's state."""
    return lambda row: (row.state, event) in TABLE


def _why(row: Request) -> object:
    return _l("当前状态不能执行此操作")


REQUESTS = ListSpec(
    name="requests",
    title=_l("申请列表"),
    query=queries.requests,
    pk=Request.id,
    public_id=Request.public_id,
    entered=Request.moved_at,
    key=queries.row_key,
    sort="-requested_at",
    badges=badges,
    tint=tint,
    endpoint="requests.index",
    export=("hospital.request.export",),
    reveal=("hospital.study.reveal",),
    called=lambda r: r.exam_no or r.pid,
    views=[
        ListView(key="recent", label=_l("近1天"), query={}),
        ListView(key="to_confirm", label=_l("待确认"), query={"state": State.APPROVED.value, "requested_from": ""}, count=True, alert=True),
    ],
    columns=_pick(
        "hospital",
        "accession_number patient_id name age sex body_part device group urgency state due_at requester requested_at "
        "study_date instance_count data_id reader reviewer",
    ),
    filters=[
        FILTERS["accession_number"], FILTERS["patient_id"], FILTERS["data_id"], FILTERS["name"], _state("hospital"),
        FILTERS["from"], FILTERS["to"],
        Filter(key="group", label=_l("目标团队"), primary=False, where=lambda c, v: Request.group_name.contains(v, autoescape=True)),
        Filter(key="requester", label=_l("申请人"), primary=False, where=lambda c, v: Request.requester_name.contains(v, autoescape=True)),
        FILTERS["urgency"], FILTERS["modality"],
    ],
    actions=[
        RowAction(
            key="confirm", label=_l("确认报告"), code="hospital.report.confirm", verb=True,
            url=lambda r: url_for("requests.show", id=r.public_id, tab="content"), show=allowed(Event.CONFIRM),
        ),
        RowAction(key="open", label=_l("详情"), url=lambda r: url_for("requests.show", id=r.public_id)),
        RowAction(
            key="preview", label=_l("报告预览"), code="hospital.report.print", more=True, reason=_why,
            url=lambda r: url_for("requests.report", id=r.public_id), when=lambda r: r.state is State.CONFIRMED,
        ),
        RowAction(
            key="withdraw", label=_l("撤回申请"), code="hospital.request.withdraw", more=True, method="dialog", reason=_why,
            url=lambda r: url_for("requests.ask", id=r.public_id, event="withdraw"), when=allowed(Event.WITHDRAW),
        ),
        RowAction(
            key="return_report", label=_l("退回诊断"), code="hospital.report.return", more=True, method="dialog", reason=_why,
            url=lambda r: url_for("requests.ask", id=r.public_id, event="return_report"), when=allowed(Event.RETURN_REPORT),
        ),
        RowAction(
            key="delete_report", label=_l("删除报告"), code="hospital.report.delete", more=True, method="dialog", reason=_why,
            url=lambda r: url_for("requests.ask", id=r.public_id, event="delete_report"), when=allowed(Event.DELETE_REPORT),
        ),
        RowAction(
            key="study", label=_l("查看数据"), code="hospital.study.view", more=True,
            url=lambda r: url_for("studies.index", data_id=r.study_public_id),
        ),
    ],
    many=[
        ManyAction(
            key="confirm_many", label=_l("批量确认"), code="hospital.report.confirm", least=2, most=100,
            url=lambda: url_for("requests.confirm_many"), when=allowed(Event.CONFIRM),
            reason=lambda r: _("%(state)s，不可批量确认", state=StateCell(r, "hospital")),
        )
    ],
)

_PENDING = Request.state.not_in(HIDDEN_AT_GROUP)

PENDING = ListSpec(
    name="diagnosis.pending",
    title=_l("待诊断数据"),
    query=lambda c: queries.requests(c).where(_PENDING),
    pk=Request.id,
    public_id=Request.public_id,
    entered=Request.moved_at,
    key=queries.row_key,
    sort="due_at",
    badges=badges,
    tint=tint,
    endpoint="diagnosis.index",
    export=("group.request.export",),
    reveal=("group.request.reveal",),
    called=lambda r: r.pid or r.exam_no,
    views=[
        ListView(key="recent", label=_l("近1天"), query={}),
        ListView(key="to_accept", label=_l("待接单"), query={"state": State.SUBMITTED.value, "requested_from": ""}, count=True, alert=True),
        ListView(key="to_review", label=_l("待审核"), query={"state": State.PENDING_REVIEW.value, "requested_from": ""}, count=True),
    ],
    columns=_pick(
        "group",
        "patient_id name age sex body_part modality hospital urgency state due_at handler requested_at accepted_at "
        "instance_count data_id",
    ),
    filters=[
        FILTERS["patient_id"], FILTERS["data_id"], FILTERS["name"], _state("group"), FILTERS["from"], FILTERS["to"],
        FILTERS["urgency"], FILTERS["modality"],
        Filter(key="hospital", label=_l("申请医院"), primary=False, where=lambda c, v: Request.hospital_name.contains(v, autoescape=True)),
    ],
    actions=[
        RowAction(
            key="accept", label=_l("接单"), code="group.request.accept", verb=True, method="post",
            url=lambda r: url_for("diagnosis.accept", id=r.public_id, version=r.version), show=lambda r: r.state is State.SUBMITTED,
        ),
        RowAction(
            key="diagnose", label=_l("诊断"), code="group.report.diagnose", verb=True,
            url=lambda r: url_for("workspace.show", id=r.public_id),
            show=lambda r: r.state in (State.ACCEPTED, State.DIAGNOSING, State.REVIEW_REJECTED, State.RETURNED_BY_HOSPITAL),
        ),
        RowAction(
            key="review", label=_l("审核"), code="group.report.review", verb=True,
            url=lambda r: url_for("workspace.show", id=r.public_id),
            show=lambda r: r.state in (State.PENDING_REVIEW, State.REVIEWING),
        ),
        RowAction(key="open", label=_l("详情"), url=lambda r: url_for("diagnosis.show", id=r.public_id)),
        RowAction(
            key="return", label=_l("退回申请"), code="group.request.return", more=True, method="dialog", reason=_why,
            url=lambda r: url_for("diagnosis.ask", id=r.public_id, event="return"), when=allowed(Event.RETURN),
        ),
    ],
)

COMPLETED = ListSpec(
    name="diagnosis.done",
    title=_l("已完成数据"),
    query=lambda c: queries.requests(c).where(Request.state.in_(DONE)),
    pk=Request.id,
    public_id=Request.public_id,
    entered=Request.moved_at,
    key=queries.row_key,
    sort="-requested_at",
    badges=badges,
    endpoint="diagnosis.done",
    export=("group.request.export",),
    reveal=("group.request.reveal",),
    called=lambda r: r.pid or r.exam_no,
    views=[
        ListView(key="recent", label=_l("近1天"), query={}),
        ListView(key="all", label=_l("全部"), query={"requested_from": ""}),
    ],
    columns=_pick(
        "group",
        "patient_id name age sex body_part modality hospital state reader reviewer confirmed_at accepted_at requested_at "
        "instance_count data_id findings impression",
    ),
    filters=[
        FILTERS["patient_id"], FILTERS["data_id"], FILTERS["name"], FILTERS["from"], FILTERS["to"], FILTERS["modality"],
    ],
    actions=[
        RowAction(key="open", label=_l("详情"), url=lambda r: url_for("diagnosis.show", id=r.public_id)),
    ],
)
