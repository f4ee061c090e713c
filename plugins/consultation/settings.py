"""What a group and a connection decide about reading."""

from __future__ import annotations

from dataclasses import dataclass

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.settings import setting


@dataclass(frozen=True)
class Reading:
    """Settings of a tenant; each side reads those of its own."""

    hold_minutes: int = setting(30, _l("接单后为医生保留的分钟数"), least=1, most=240, side="group")
    author_minutes: int = setting(30, _l("退回后仅原作者可打开的分钟数"), least=0, most=1440, side="group")
    purpose_required: bool = setting(False, _l("发起诊断须填写申请目的"), side="hospital")
    parallel_groups: bool = setting(False, _l("同一检查可同时向多个诊断组申请"), side="hospital")
    sign_repeat: bool = setting(False, _l("每次签署都输入密码"), side="group")


@dataclass(frozen=True)
class Connection:
    """Settings of a connection: one value for both sides."""

    allow_single_sign: bool = setting(True, _l("允许同一人诊断并审核"), side="group")
    promise_normal_minutes: int = setting(240, _l("普通申请的承诺时限（分钟）"), least=1, most=100000)
    promise_urgent_minutes: int = setting(30, _l("加急申请的承诺时限（分钟）"), least=1, most=100000)
    report_footer: str = setting("", _l("报告页脚"))
