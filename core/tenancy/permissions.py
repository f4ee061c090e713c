"""The permission catalogue and the built-in roles. Deny by default; plugins add their own codes at start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from plugin_sdk.i18n import lazy as _l

T, D, R, V = "technician", "doctor", "reader", "reviewer"


@dataclass(frozen=True, kw_only=True)
class Permission:
    """One right: ``side.resource.action``. ``roles``: built-in roles that hold it, besides ``admin``."""

    code: str
    title: object
    roles: frozenset[str] = frozenset()
    plugin: str = ""

    @property
    def side(self) -> str:
        return self.code.partition(".")[0]


def _both(resource_action: str, title: object, hospital: str = "", group: str = "") -> list[Permission]:
    return [
        Permission(code=f"hospital.{resource_action}", title=title, roles=frozenset(hospital.split())),
        Permission(code=f"group.{resource_action}", title=title, roles=frozenset(group.split())),
    ]


def _one(code: str, title: object, roles: str = "") -> Permission:
    return Permission(code=code, title=title, roles=frozenset(roles.split()))


CORE: tuple[Permission, ...] = (
    *_both("home.view", _l("首页"), f"{T} {D}", f"{R} {V}"),
    *_both("member.manage", _l("成员管理")),
    *_both("role.manage", _l("角色管理")),
    *_both("link.manage", _l("对接管理")),
    *_both("plugin.manage", _l("功能插件")),
    *_both("settings.manage", _l("设置")),
    *_both("log.view_all", _l("查看全部日志")),
    *_both("log.export", _l("导出日志")),
    *_both("token.create", _l("创建接口令牌")),
    _one("hospital.study.view", _l("查看检查"), f"{T} {D}"),
    _one("hospital.study.upload", _l("数据上传"), f"{T} {D}"),
    _one("hospital.study.edit", _l("修改检查"), f"{T} {D}"),
    _one("hospital.study.lock", _l("锁定检查"), f"{T} {D}"),
    _one("hospital.study.delete", _l("删除检查"), f"{T} {D}"),
    _one("hospital.study.share", _l("分享检查"), f"{T} {D}"),
    _one("hospital.study.download", _l("下载检查"), f"{T} {D}"),
    _one("hospital.study.reveal", _l("显示隐藏信息"), D),
    _one("hospital.held.resolve", _l("处理待定数据"), f"{T} {D}"),
    _one("hospital.patient.merge", _l("合并患者")),
    _one("hospital.retention.manage", _l("保存期限")),
)

ROLE_NAMES: Mapping[str, Mapping[str, object]] = {
    "hospital": {"admin": _l("管理员"), T: _l("技师"), D: _l("医生")},
    "group": {"admin": _l("管理员"), R: _l("诊断医生"), V: _l("审核医生")},
}


def of_role(catalogue: Iterable[Permission], side: str, role: str) -> list[str]:
    """Codes that a built-in role holds on a side, sorted."""
    return sorted(p.code for p in catalogue if p.side == side and (role == "admin" or role in p.roles))
