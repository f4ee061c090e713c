"""Consultation: a hospital asks, a diagnosis group answers."""

from __future__ import annotations

from plugin_sdk.api import Plugin, Registry, hookimpl
from plugin_sdk.events import ReportAdjusted, ReportConfirmed
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.panels import Panel
from plugin_sdk.types import Ctx, Problem

PERMISSIONS: tuple[tuple[str, object, tuple[str, ...]], ...] = (
    ("hospital.request.list", _l("查看申请"), ("technician", "doctor")),
    ("hospital.request.create", _l("发起诊断"), ("technician", "doctor")),
    ("hospital.request.withdraw", _l("撤回申请"), ("technician", "doctor")),
    ("hospital.request.export", _l("导出申请"), ("doctor",)),
    ("hospital.report.print", _l("打印报告"), ("technician", "doctor")),
    ("hospital.report.share", _l("报告链接"), ("technician", "doctor")),
    ("hospital.report.confirm", _l("确认报告"), ("doctor",)),
    ("hospital.report.return", _l("退回诊断"), ("doctor",)),
    ("hospital.report.delete", _l("删除报告"), ("doctor",)),
    ("group.request.list", _l("查看诊断列表"), ("reader", "reviewer")),
    ("group.request.accept", _l("接单"), ("reader", "reviewer")),
    ("group.request.return", _l("退回申请"), ("reader", "reviewer")),
    ("group.request.assign", _l("分配"), ()),
    ("group.request.take_back", _l("收回"), ()),
    ("group.request.export", _l("导出诊断"), ("reviewer",)),
    ("group.request.reveal", _l("显示隐藏信息"), ("reader", "reviewer")),
    ("group.report.diagnose", _l("诊断"), ("reader", "reviewer")),
    ("group.report.review", _l("审核"), ("reviewer",)),
    ("group.report.adjust", _l("调整内容"), ("reviewer",)),
)
NOTICES: tuple[tuple[str, object, str, bool], ...] = (
    ("request.submitted", _l("新的诊断申请"), "diagnosis.index", False),
    ("request.withdrawn", _l("申请已撤回"), "diagnosis.index", False),
    ("request.accepted", _l("申请已接单"), "requests.index", False),
    ("request.returned", _l("诊断退回"), "requests.index", True),
    ("review.waiting", _l("报告待审核"), "diagnosis.index", False),
    ("report.rejected", _l("诊断退回"), "workspace.show", True),
    ("report.returned", _l("诊断退回"), "workspace.show", True),
    ("report.approved", _l("报告已审核，待确认"), "requests.index", True),
    ("report.adjusted", _l("报告调整"), "requests.show", True),
    ("report.confirmed", _l("报告已确认"), "diagnosis.done", False),
    ("claim.taken_back", _l("报告已被收回"), "diagnosis.index", False),
)


class Consultation(Plugin):
    name = "consultation"
    title = _l("远程诊断")
    summary = _l("医院向诊断组申请诊断，诊断组接单、书写、审核，医院确认报告")
    provides = ("consultations",)
    settings = {
        "tenant": "plugins.consultation.settings:Reading",
        "link": "plugins.consultation.settings:Connection",
    }
    models = "plugins.consultation.models"
    migrations = "bundled"

    def register(self, reg: Registry) -> None:
        for code, title, roles in PERMISSIONS:
            reg.permission(code, title, roles=roles)
        for kind, title, endpoint, todo in NOTICES:
            reg.notice_kind(kind, title, endpoint, todo=todo)
        for event, title in AUDIT_TITLES.items():
            reg.audit_kind(event, title)
        reg.invariants("plugins.consultation.invariants:check")
        reg.capability("consultations", "plugins.consultation.service:consultations")
        reg.resource("request", "plugins.consultation.requests.queries:ref_or_404", numbers="plugins.consultation.requests.queries:numbers")
        reg.job("consultation.lapse_claims", "plugins.consultation.jobs:lapse_claims", cron="* * * * *")
        reg.job("consultation.verify_status", "plugins.consultation.jobs:verify_status", cron="40 3 * * *")
        reg.job("consultation.sweep", "plugins.consultation.jobs:sweep", cron="50 3 * * *")
        reg.job("consultation.render", "plugins.consultation.reports.document:render_job")
        reg.listen(ReportConfirmed, "plugins.consultation.reports.document:on_confirmed")
        reg.listen(ReportAdjusted, "plugins.consultation.reports.document:on_confirmed")
        reg.blueprint("plugins.consultation.requests.api:bp", scope="api")
        reg.blueprint("plugins.consultation.requests.views:bp", scope="tenant")
        reg.blueprint("plugins.consultation.requests.start:bp", scope="tenant")
        reg.blueprint("plugins.consultation.reports.diagnosis:bp", scope="tenant")
        reg.blueprint("plugins.consultation.reports.workspace:bp", scope="tenant")
        reg.menu(
            "hospital", "requests", _l("申请列表"), "requests.index", "hospital.request.list", after="studies", icon="send"
        )
        reg.menu(
            "group", "diagnosis", _l("待诊断数据"), "diagnosis.index", "group.request.list", after="home",
            icon="stethoscope",
        )
        reg.menu(
            "group", "diagnosis_done", _l("已完成数据"), "diagnosis.done", "group.request.list", after="diagnosis",
            icon="checks",
        )
        reg.panel("consultation.states", Panel(
            title=_l("申请状态分布"), codes=("hospital.request.list", "group.request.list"),
            load="plugins.consultation.requests.figures:by_state",
        ))
        for name in ("REQUESTS", "PENDING", "COMPLETED"):
            reg.listing(f"plugins.consultation.requests.lists:{name}")
        reg.row_action("studies", "plugins.consultation.requests.study_rows:start_action")
        reg.row_action("studies", "plugins.consultation.requests.study_rows:show_action")
        reg.slot("study.action", "consultation/_study_action.html", load="plugins.consultation.requests.study_rows:of_study")
        reg.slot(
            "workbench.count", "consultation/_counts.html", load="plugins.consultation.requests.queries:workbench_counts"
        )

    @hookimpl
    def check_disable(self, ctx: Ctx) -> list[Problem]:
        """Requests that are not closed keep it: their pages, claims and timers go on until then."""
        from plugins.consultation.requests import queries

        if not (n := queries.count_open(ctx)):
            return []
        return [Problem(code="open-requests", text=_("还有 %(n)s 个申请未完成", n=n))]


AUDIT_TITLES: dict[str, object] = {
    "request.request": _l("发起诊断"),
    "request.withdraw": _l("撤回申请"),
    "request.return": _l("退回申请"),
    "request.accept": _l("接单"),
    "request.assign": _l("分配"),
    "request.open": _l("开始诊断"),
    "request.unlock": _l("解锁"),
    "request.lapse": _l("锁定到期"),
    "request.send_to_review": _l("流转审核"),
    "request.submit": _l("提交"),
    "request.start_review": _l("开始审核"),
    "request.approve": _l("审核通过"),
    "request.reject": _l("审核退回"),
    "request.return_report": _l("退回诊断"),
    "request.confirm": _l("确认报告"),
    "request.adjust": _l("调整内容"),
    "request.delete_report": _l("删除报告"),
    "request.printed": _l("打印报告"),
    "report.sealed": _l("报告签发"),
    "report.saved": _l("保存报告"),
    "report.voided": _l("作废报告"),
    "draft.saved": _l("保存草稿"),
    "draft.discarded": _l("放弃修改"),
}
