"""What became of a file, and the sentence for it. Codes are kept for ever, sentences may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.intake import zips
from core.intake.settings import Intake
from plugin_sdk.dicom import refusals
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _

STORED, DUPLICATE, HELD, REFUSED = "stored", "duplicate", "held", "refused"
COUNTED = (STORED, DUPLICATE, HELD, REFUSED)
OPENED = "opened"
"""A zip whose entries are listed in its place: it is no file of the result."""

SENTENCES: Mapping[str, object] = {
    **refusals.SENTENCES,
    **zips.SENTENCES,
    "stored": _l("已入库"),
    "duplicate": _l("已存在"),
    "late": _l("补传影像"),
    "second_patient": _l("同一病人ID信息不一致，已另建记录待核对"),
    "conflict_chosen": _l("已选定显示版本"),
    "same_bytes": _l("已存在"),
    "same_content": _l("已存在，仅编码不同"),
    "patient_conflict": _l("该检查已属于另一病人ID，待核对"),
    "issuer_conflict": _l("病人ID的发放机构不一致，待核对"),
    "sop_conflict": _l("同一影像编号内容不同，两份均已保留"),
    "study_trashed": _l("该检查在回收站中"),
    "plugin_failed": _l("插件检查失败，已保留"),
    "wrong_kind": _l("只接受 dcm 和 zip"),
    "storage_full": _l("存储空间不足，未接收"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """``detail`` says where or why in a technical word, never a value of the file; for ``plugin`` its sentence."""

    outcome: str
    reason: str = ""
    detail: str = ""
    study_id: int | None = None
    study_public_id: str = ""


def sentence(outcome: str, reason: str, detail: str, limits: Intake) -> str:
    """Say an outcome; empty while the file waits."""
    if reason == "dcm_too_big":
        return _("单个 dcm 应小于 %(mb)s MB", mb=limits.dcm_max_mb)
    if reason == "zip_too_big":
        return _("单个 zip 应小于 %(mb)s MB", mb=limits.zip_max_mb)
    if reason == "plugin":
        return detail
    return str(SENTENCES.get(reason or outcome, ""))
