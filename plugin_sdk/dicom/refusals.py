"""Why an object is not stored. The reasons are codes that uploads, logs and statistics keep; they are never renamed."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import DomainError
from ..i18n import lazy as _l

SENTENCES: Mapping[str, object] = {
    "empty": _l("文件为空"),
    "not_dicom": _l("不是 DICOM 文件"),
    "is_dicomdir": _l("目录文件，不是影像"),
    "bad_uid": _l("缺少或不合规定的影像编号"),
    "bad_length": _l("长度字段超出文件"),
    "too_deep": _l("嵌套过深"),
    "too_many_elements": _l("元素过多"),
    "header_too_big": _l("文件头过大"),
    "inflates_too_far": _l("解压后过大"),
    "frame_too_big": _l("单帧过大"),
    "truncated": _l("文件不完整，已保留待处理"),
    "unreadable": _l("无法安全解析，已保留原文件"),
}


class NotStored(DomainError):
    """Base of both: ``reason`` is one of SENTENCES, ``detail`` says where, never a value of the file."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(SENTENCES[reason], reason=reason)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason} {self.detail}".rstrip()


class Refused(NotStored):
    """The object is no image or is dangerous; its bytes are not kept."""

    code = "refused"


class HeldBack(NotStored):
    """The bytes are worth keeping, but no image may be made of them before a person decided."""

    code = "held"
