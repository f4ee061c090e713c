"""Report layout: a hospital's own sheet in the place of the standard one."""

from __future__ import annotations

from plugin_sdk.api import Plugin, Registry
from plugin_sdk.i18n import lazy as _l

HERE = "telerad_example_report_layout"


class ReportLayout(Plugin):
    name = "example_report_layout"
    title = _l("本院报告版式")
    summary = _l("报告按本院版式预览和打印：院徽、英文名称、两列影像、自定二维码")
    side = "hospital"
    provides = ("report_renderer",)
    settings = {"tenant": f"{HERE}.settings:Letterhead"}
    models = f"{HERE}.models"
    migrations = f"{HERE}.migrations"

    def register(self, reg: Registry) -> None:
        reg.capability("report_renderer", f"{HERE}.renderer:provider")
        reg.permission("hospital.example_report_layout.manage", _l("报告版式"))
        reg.blueprint(f"{HERE}.views:bp", scope="tenant")
        reg.menu(
            "hospital", "example_report_layout", _l("报告版式"), "example_report_layout.index",
            "hospital.example_report_layout.manage", icon="file-text",
        )
        reg.audit_kind("example_report_layout.logo_changed", _l("更换报告院徽"))
        reg.audit_kind("example_report_layout.logo_removed", _l("移除报告院徽"))
