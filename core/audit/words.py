"""What an entry says beyond its kind and its object: facts with their labels, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.reveal import FIELDS, PURPOSES

LABELS: Mapping[str, object] = {
    "to": _l("对方"), "tenant": _l("对方"), "scope": _l("范围"), "stored": _l("入库"), "duplicate": _l("重复"),
    "held": _l("需处理"), "refused": _l("未接收"), "n": _l("版本"), "sha256": _l("校验码"), "visible": _l("诊断端可见"),
    "reason": _l("原因"), "purpose": _l("用途"), "field": _l("字段"), "count": _l("数量"), "rows": _l("行数"),
    "file": _l("文件"), "name": _l("名称"), "names": _l("项目"), "role": _l("角色"), "state": _l("状态"), "kind": _l("类型"),
    "number": _l("序列号"), "series": _l("序列数"), "frames": _l("影像数"), "days": _l("天数"), "until": _l("到期"), "list": _l("列表"),
    "columns": _l("列"), "before": _l("原值"), "after": _l("新值"), "masked": _l("已脱敏"), "code": _l("编码"),
    "permissions": _l("权限"), "person": _l("人员"), "reader": _l("诊断医生"), "device": _l("设备"), "how": _l("方式"), "capability": _l("能力"),
    "why": _l("原因"), "address": _l("网络地址"), "minutes": _l("分钟"), "backup": _l("备份"), "made_at": _l("备份时间"), "passcode": _l("口令"),
}
"""Facts that any owner may use. A plugin labels its own with ``audit_kind(code, title, facts={...})``."""
SILENT = frozenset({"version", "series_id", "gaps", "file_sha256", "link", "chain", "ops", "views"})
"""Facts for programs: a row's version, digests of archives."""
WORDS: Mapping[str, Mapping[str, object]] = {
    "scope": {
        "case": _l("病例"), "images": _l("影像"), "captures": _l("关键图"), "attachments": _l("附件"), "report": _l("报告"),
        "download": _l("下载"),
    },
    "field": {
        **FIELDS, "name": _l("姓名"), "email": _l("邮箱"), "gender": _l("性别"), "introduction": _l("个人简介"),
    },
    "why": {
        "password": _l("修改密码"), "phone": _l("修改手机号"), "owner": _l("本人操作"), "copied": _l("记住的登录被复制"),
    },
    "purpose": PURPOSES,
}
"""Values that are words of ours."""
TENANTS = frozenset({"to", "tenant"})
"""Facts that hold a tenant's code."""
DIGESTS = frozenset({"sha256"})


def said(facts: Mapping[str, Any], labels: Mapping[str, object], tenants: Mapping[str, str]) -> str:
    """The facts of an entry as one line: ``入库 12 · 重复 0``."""
    return " · ".join(_parts(facts, labels, tenants))


def _parts(facts: Mapping[str, Any], labels: Mapping[str, object], tenants: Mapping[str, str]) -> Iterator[str]:
    for key, value in facts.items():
        label = LABELS.get(key) or labels.get(key)
        if label is None or key in SILENT or value is None or value == "":
            continue
        yield f"{label} {_value(key, value, tenants)}"


def _value(key: str, value: Any, tenants: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if isinstance(value, list):
        return _("、").join(_value(key, v, tenants) for v in value) or "-"
    if key in TENANTS:
        return tenants.get(str(value), str(value))
    if key in DIGESTS:
        return str(value)[:8]
    return str(WORDS.get(key, {}).get(value, value)) if isinstance(value, str) else str(value)
