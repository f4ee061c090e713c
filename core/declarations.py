"""What core itself declares: its blueprints, permissions, jobs, kinds and resources, by the same registry as plugins."""

from __future__ import annotations

from core.host.registry import Declarations
from core.tenancy import permissions
from plugin_sdk.events import StudyChanged, StudyComplete
from plugin_sdk.i18n import lazy as _l

RESOURCES = {
    "study": "core.studies.queries:by_public_id",
    "file": "core.store.files:FileService",
    "upload": "core.intake.queries:by_public_id",
    "access": "core.access.openings:scope_of",
    "connection": "core.tenancy.links:LinkDirectory",
    "notice": "core.work.queries:notice",
    "capture": "core.studies.captures:read",
    "session": "core.accounts.queries:session",
    "view": "core.lists.saved:mine",
    "export": "core.lists.exports:mine",
    "link": "core.access.doors:DoorService",
}
NUMBERS = {"study": "core.studies.queries:numbers"}
AUDIT_KINDS = {
    "login.ok": _l("登录"),
    "login.out": _l("退出登录"),
    "login.failed": _l("登录失败"),
    "login.locked": _l("登录锁定"),
    "session.ended": _l("结束登录"),
    "password.changed": _l("修改密码"),
    "user.changed": _l("修改基本信息"),
    "phone.changed": _l("修改手机号"),
    "token.created": _l("创建令牌"),
    "token.revoked": _l("吊销令牌"),
    "study.received": _l("数据上传"),
    "study.locked": _l("锁定检查"),
    "study.unlocked": _l("解锁检查"),
    "study.trashed": _l("删除检查"),
    "study.viewed": _l("查看影像"),
    "series.visibility": _l("切换序列状态"),
    "list.exported": _l("导出列表"),
    "grant.made": _l("授权查看"),
    "grant.revoked": _l("收回授权"),
    "link.made": _l("生成链接"),
    "link.viewed": _l("打开链接"),
    "link.revoked": _l("收回链接"),
    "link.expired": _l("链接到期"),
    "plugin.enabled": _l("启用插件"),
    "plugin.draining": _l("停止插件新增"),
    "plugin.disabled": _l("停用插件"),
    "setting.changed": _l("修改设置"),
    "backup.made": _l("数据备份"),
    "backup.restored": _l("数据恢复"),
    "index.rebuilt": _l("重建索引"),
    "field.revealed": _l("显示隐藏信息"),
    "audit.anchored": _l("留存日志校验值"),
    "audit.archived": _l("日志归档"),
}


def core() -> Declarations:
    """Everything core declares."""
    declared = Declarations("core")
    declared.permissions.extend(permissions.CORE)
    for code, title in AUDIT_KINDS.items():
        declared.audit_kind(code, title)
    for name, dotted in RESOURCES.items():
        declared.resource(name, dotted, numbers=NUMBERS.get(name, ""))
    declared.blueprint("core.accounts.views:bp", scope="account")
    declared.blueprint("core.accounts.centre:bp", scope="account")
    declared.blueprint("core.web.health:bp", scope="public")
    declared.blueprint("core.web.openapi:bp", scope="public")
    declared.blueprint("core.web.metrics:bp", scope="public")
    declared.blueprint("core.audit.views:bp", scope="tenant")
    declared.blueprint("core.studies.views:bp", scope="tenant")
    declared.blueprint("core.studies.api:bp", scope="api")
    declared.blueprint("core.work.views:bp", scope="tenant")
    declared.blueprint("core.intake.views:bp", scope="tenant")
    declared.blueprint("core.intake.api:bp", scope="api")
    declared.blueprint("core.dicomweb.views:bp", scope="public")
    declared.blueprint("core.access.door_views:bp", scope="public")
    declared.blueprint("core.lists.views:bp", scope="tenant")
    declared.blueprint("core.lists.export_views:bp", scope="tenant")
    declared.blueprint("core.host.pages:bp", scope="tenant")
    declared.blueprint("core.tenancy.views:bp", scope="tenant")
    declared.blueprint("core.host.platform:bp", scope="platform")
    declared.listing("core.studies.lists:STUDIES")
    declared.listing("core.audit.lists:LOG")
    declared.menu("hospital", "home", _l("首页"), "home.index", "hospital.home.view", icon="home")
    declared.menu(
        "hospital", "studies", _l("检查列表"), "studies.index", "hospital.study.view", after="home", icon="list-details"
    )
    declared.menu("group", "home", _l("首页"), "home.index", "group.home.view", icon="home")
    for side in ("hospital", "group"):
        declared.menu(side, "plugins", _l("功能插件"), "plugins.index", f"{side}.plugin.manage", icon="puzzle")
        declared.menu(
            side, "settings", _l("设置"), "settings.show", f"{side}.settings.manage", after="plugins", icon="adjustments"
        )
    declared.menu("platform", "plugins", _l("功能插件"), "admin_plugins.index", "platform.plugin.manage", icon="puzzle")
    declared.job("intake.process_upload", "core.intake.process:process_upload")
    declared.job("access.sweep", "core.access.doors:sweep", cron="7 * * * *")
    declared.job("work.sweep", "core.work.sweep:sweep", cron="17 * * * *")
    declared.job("intake.sweep", "core.intake.sweep:sweep", cron="47 * * * *")
    declared.job("work.push", "core.work.push:push")
    declared.job("host.drain", "core.host.switches:finish_draining", cron="*/10 * * * *")
    declared.notice_kind("plugin.degraded", _l("功能插件异常"), "plugins.show")
    declared.job("store.sweep", "core.store.sweep:sweep", cron="37 18 * * *")
    declared.job("store.manifest", "core.store.manifests:write_job")
    declared.job("store.verify", "core.reconcile.run:deeply", cron="20 17 1 * *")
    declared.job("work.reconcile", "core.reconcile.run:nightly", cron="20 19 * * *")
    declared.listen(StudyComplete, "core.store.manifests:on_study")
    declared.listen(StudyChanged, "core.store.manifests:on_study")
    declared.job("backup.drill", "core.backup.drill:weekly", cron="10 18 * * 6")
    declared.job("lists.export", "core.lists.sheet:export")
    declared.job("lists.sweep", "core.lists.sheet:sweep", cron="27 * * * *")
    declared.notice_kind("export.ready", _l("导出完成"), "exports.index")
    declared.job("audit.anchor", "core.audit.jobs:anchor_job", cron="20 1 * * *")
    declared.job("audit.verify", "core.audit.jobs:verify_job", cron="40 2 * * *")
    declared.job("audit.archive", "core.audit.jobs:archive_job", cron="10 4 1 * *")
    declared.notice_kind("audit.broken", _l("操作日志校验失败"), "home.index")
    declared.notice_kind("upload.done", _l("数据上传"), "studies.index")
    declared.notice_kind("job.failed", _l("后台任务失败"), "work.notices")
    declared.notice_kind("delivery.parked", _l("事件未送达"), "work.notices")
    return declared
