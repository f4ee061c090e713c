"""Refusals that a person or a program is meant to read: one base, one handler.

``code`` is the last part of the problem type ``urn:telerad:problem:<code>`` (RFC 9457); ``status`` the HTTP status;
``sentence`` what is shown. Everything in ``facts`` goes into the problem document as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .i18n import lazy as _l


class DomainError(Exception):
    """Base of all refusals."""

    status = 422
    code = "invalid"
    sentence: object = _l("输入有误")

    def __init__(self, sentence: object | None = None, **facts: Any) -> None:
        self.sentence = sentence if sentence is not None else type(self).sentence
        self.facts: Mapping[str, Any] = facts
        super().__init__(self.code)


class NotFound(DomainError):
    status, code, sentence = 404, "not-found", _l("不存在或无权查看")


class Forbidden(DomainError):
    """:param permission: the code that is missing."""

    status, code, sentence = 403, "forbidden", _l("没有此操作的权限")


class Unauthenticated(DomainError):
    status, code, sentence = 401, "unauthenticated", _l("请先登录")


class Invalid(DomainError):
    """:param errors: list of ``{"field", "message"}``."""


class ReasonRequired(DomainError):
    code, sentence = "reason-required", _l("请填写原因，至少 2 个字")


class Conflict(DomainError):
    status, code, sentence = 409, "invalid-transition", _l("当前状态不能执行此操作")


class InvalidTransition(Conflict):
    pass


class StudyLocked(Conflict):
    code, sentence = "study-locked", _l("检查已锁定")


class StudyRequested(Conflict):
    code, sentence = "study-requested", _l("检查已申请诊断")


class StudyCompleted(Conflict):
    code, sentence = "study-completed", _l("检查已完成诊断")


class StaleVersion(Conflict):
    code, sentence = "stale-version", _l("已被他人修改，请刷新后再试")


class Taken(Conflict):
    code, sentence = "taken", _l("已被他人接单")


class ClaimNotMine(Conflict):
    code, sentence = "claim-not-mine", _l("报告未由您锁定")


class StaleDraft(Conflict):
    code, sentence = "stale-draft", _l("草稿已有更新的版本")


class PluginUnavailable(DomainError):
    """A plugin that this tenant has switched on did not start, or failed where its failure fails the operation."""

    status, code, sentence = 503, "plugin-unavailable", _l("功能插件 %(plugin)s 暂不可用，请联系管理员")

    def __init__(self, *, plugin: str) -> None:
        super().__init__(str(type(self).sentence) % {"plugin": plugin}, plugin=plugin)


class RefusedByPlugin(Conflict):
    code, sentence = "refused-by-plugin", _l("被功能插件拒绝")


class TooLarge(DomainError):
    status, code, sentence = 413, "too-large", _l("内容过大")


class Unsupported(DomainError):
    status, code, sentence = 415, "unsupported", _l("不支持的文件类型")


class StorageFull(DomainError):
    status, code, sentence = 507, "storage-full", _l("存储空间不足，未接收")


class RateLimited(DomainError):
    status, code, sentence = 429, "rate-limited", _l("操作过于频繁，请稍后再试")
