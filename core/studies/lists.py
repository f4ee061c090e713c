"""The study list: S-041 to S-048."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask import url_for

from core.studies import queries
from core.studies.models import Patient, Study, StudyModality
from plugin_sdk import masking
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.ids import fold
from plugin_sdk.lists import Column, Filter, ListSpec, ListView, RowAction
from plugin_sdk.types import Badge, Ctx
from plugin_sdk.words import SEX, end_moment, last_day, moment

STATUS = {"normal": _l("正常"), "locked": _l("锁定"), "requested": _l("已申请"), "completed": _l("已完成")}
MODALITIES = ("MR", "CT", "DR", "DX", "US")
SHOWN_AS_DR = ("CR", "DX", "RF")


LOOK = {"normal": ("plain", ""), "locked": ("lock", "lock"), "requested": ("work", "send"), "completed": ("done", "checks")}


@dataclass(frozen=True)
class StatusCell:
    """A study's status as the state macro draws it."""

    value: str

    @property
    def label(self) -> object:
        return STATUS.get(self.value, _l("未知状态"))

    @property
    def tone(self) -> str:
        return LOOK.get(self.value, ("dashed", "help"))[0]

    @property
    def icon(self) -> str:
        return LOOK.get(self.value, ("dashed", "help"))[1]

    def __str__(self) -> str:
        return str(self.label)


@dataclass(frozen=True)
class PreviewCell:
    """Where the images open, in a tab of their own."""

    url: str
    label: object = _l("预览影像")


def status_of(row: Study) -> str:
    """The word shown: 锁定 stands instead of 正常 only."""
    return "locked" if row.status == "normal" and row.locked_by is not None else row.status


def _study_day(value: str) -> str:
    """A day or minute of the modality's clock, as it is stored. :raise ValueError: not a date"""
    return datetime.fromisoformat(value).strftime("%Y-%m-%d %H:%M:%S" if len(value) > 10 else "%Y-%m-%d")


def _study_end(value: str) -> str:
    at = datetime.fromisoformat(value)
    return at.strftime("%Y-%m-%d %H:%M:59") if len(value) > 10 else at.strftime("%Y-%m-%d 24")


def _modality(_: Ctx, value: str) -> sa.ColumnElement[bool]:
    stored = (*SHOWN_AS_DR, "DR") if value == "DR" else (value,)
    # asked row by row in the list's order, one key each: it stops with the page
    return sa.or_(
        *(sa.select(StudyModality.study_id).where(StudyModality.study_id == Study.id, StudyModality.modality == m).exists() for m in stored)
    )


def _status(_: Ctx, value: str) -> sa.ColumnElement[bool]:
    if value not in STATUS:
        raise ValueError(value)
    if value == "locked":
        return sa.and_(Study.status == "normal", Study.locked_by.is_not(None))
    if value == "normal":
        return sa.and_(Study.status == "normal", Study.locked_by.is_(None))
    return Study.status == value


def _sex(_: Ctx, value: str) -> sa.ColumnElement[bool]:
    if value not in SEX:
        raise ValueError(value)
    return Patient.sex == value


def _anything(_: Ctx, value: str) -> sa.ColumnElement[bool]:
    """The find box: an exact identifier, or part of a name."""
    return sa.or_(
        Study.accession == value, Patient.pid == value, Study.public_id == (fold(value) or value), queries.by_patient_name(value)
    )


def choices(of: Mapping[str, object]) -> Callable[[], Iterable[tuple[str, object]]]:
    return lambda: list(of.items())


def badges(ctx: Ctx, rows: Sequence[Study]) -> Mapping[int, Sequence[Badge]]:
    found: dict[int, list[Badge]] = {}
    for row in rows:
        if row.locked_by is not None:
            found.setdefault(row.id, []).append(Badge(key="lock", label=str(_l("锁定")), tone="lock"))
        if row.conflicted:
            found.setdefault(row.id, []).append(
                Badge(key="conflict", label=str(_l("待核对")), tone="amber", title=str(_l("同一影像编号内容不同，两份均已保留")))
            )
    return found


FILTERS = [
    Filter(key="accession_number", label=_l("检查编号"), where=lambda c, v: Study.accession == v, exact=True),
    Filter(key="patient_id", label=_l("病人ID"), where=lambda c, v: Patient.pid == v, exact=True),
    Filter(key="data_id", label=_l("数据ID"), where=lambda c, v: Study.public_id == (fold(v) or v), exact=True),
    Filter(key="name", label=_l("姓名"), where=lambda c, v: queries.by_patient_name(v)),
    Filter(key="sex", label=_l("性别"), kind="select", choices=choices(SEX), where=_sex),
    Filter(
        key="uploaded_from", label=_l("上传时间"), kind="datetime", default=last_day,
        where=lambda c, v: Study.uploaded_at >= moment(c, v),
    ),
    Filter(key="uploaded_to", label=_l("至"), kind="datetime", where=lambda c, v: Study.uploaded_at < end_moment(c, v)),
    Filter(
        key="uploader", label=_l("上传人"), primary=False, where=lambda c, v: Study.uploader.contains(v, autoescape=True)
    ),
    Filter(key="study_from", label=_l("检查时间"), kind="date", primary=False, where=lambda c, v: Study.study_at >= _study_day(v)),
    Filter(key="study_to", label=_l("至"), kind="date", primary=False, where=lambda c, v: sa.and_(Study.study_at != "", Study.study_at <= _study_end(v))),
    Filter(
        key="modality", label=_l("检查类型"), kind="select", primary=False, where=_modality,
        choices=lambda: [(m, m) for m in MODALITIES],
    ),
    Filter(key="status", label=_l("状态"), kind="select", primary=False, choices=choices(STATUS), where=_status),
    Filter(key="q", label=_l("查找"), primary=False, exact=True, where=_anything),
]

STUDIES = ListSpec(
    name="studies",
    title=_l("检查列表"),
    query=queries.studies,
    pk=Study.id,
    public_id=Study.public_id,
    key=queries.row_key,
    sort="-uploaded_at",
    badges=badges,
    endpoint="studies.index",
    called=lambda r: r.accession or r.patient.pid,
    views=[
        ListView(key="recent", label=_l("近1天"), query={}),
        ListView(key="waiting", label=_l("待申请"), query={"status": "normal", "uploaded_from": ""}, count=True),
    ],
    columns=[
        Column(key="preview", label=_l("预览"), cell=lambda r: PreviewCell(url_for("studies.images", id=r.public_id)), macro="preview", fixed=True),
        Column(key="accession_number", label=_l("检查编号"), cell=lambda r: r.accession or "-", sort=Study.accession, fixed=True),
        Column(key="patient_id", label=_l("病人ID"), cell=lambda r: r.patient.pid or "-", sort=Patient.pid, fixed=True),
        Column(key="name", label=_l("姓名"), cell=lambda r: r.patient.name or _l("未知"), sort=Patient.pinyin, macro="strong", mask=masking.name),
        Column(key="age", label=_l("年龄"), cell=lambda r: r.age or _l("未知"), align="right"),
        Column(key="sex", label=_l("性别"), cell=lambda r: SEX.get(r.patient.sex, "-")),
        Column(key="body_part", label=_l("检查部位"), gives_way=True, cell=lambda r: r.description or r.body_part or "-"),
        Column(key="modality", label=_l("检查类型"), cell=lambda r: r.modalities or "-", sort=Study.modalities),
        Column(key="series_count", label=_l("序列数"), cell=lambda r: r.n_series, sort=Study.n_series, align="right"),
        Column(key="status", label=_l("状态"), cell=lambda r: StatusCell(status_of(r)), sort=Study.status, macro="state"),
        Column(key="uploader", label=_l("上传人"), gives_way=True, cell=lambda r: r.uploader or "-", sort=Study.uploader),
        Column(key="study_date", label=_l("检查时间"), cell=lambda r: r.study_at[:16] or "-", sort=Study.study_at),
        Column(key="institution_name", label=_l("机构名称"), gives_way=True, cell=lambda r: r.institution or "-"),
        Column(key="instance_count", label=_l("影像数"), cell=lambda r: r.n_instances, sort=Study.n_instances, align="right", default=False),
        Column(key="uploaded_at", label=_l("上传时间"), cell=lambda r: r.uploaded_at, sort=Study.uploaded_at, macro="time", default=False),
        Column(key="data_id", label=_l("数据ID"), cell=lambda r: r.public_id, default=False),
        Column(key="device", label=_l("检查设备"), cell=lambda r: r.device or "-", default=False),
        Column(key="phone", label=_l("手机号"), cell=lambda r: masking.phone(r.patient.phone), default=False),
    ],
    filters=FILTERS,
    actions=[
        RowAction(key="open", label=_l("详情"), url=lambda r: url_for("studies.show", id=r.public_id), code="hospital.study.view"),
        RowAction(
            key="lock", label=_l("锁定"), url=lambda r: url_for("studies.lock", id=r.public_id), code="hospital.study.lock",
            method="post", more=True, show=lambda r: r.locked_by is None, when=lambda r: r.status == "normal",
            reason=lambda r: STATUS.get(r.status, r.status),
        ),
        RowAction(
            key="unlock", label=_l("解锁"), url=lambda r: url_for("studies.unlock", id=r.public_id), code="hospital.study.lock",
            method="post", more=True, show=lambda r: r.locked_by is not None,
        ),
        RowAction(
            key="delete", label=_l("删除"), url=lambda r: url_for("studies.delete", id=r.public_id), code="hospital.study.delete",
            method="post", more=True, when=lambda r: r.status == "normal" and r.locked_by is None,
            reason=lambda r: STATUS.get(status_of(r), r.status),
        ),
    ],
)
