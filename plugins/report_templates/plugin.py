"""Report layouts: what a report looks like on screen and on paper."""

from __future__ import annotations

from plugin_sdk.api import Plugin, Registry
from plugin_sdk.i18n import lazy as _l


class ReportTemplates(Plugin):
    name = "report_templates"
    title = _l("报告模板")
    summary = _l("报告的版式：预览、打印和 PDF")
    provides = ("report_renderer",)

    def register(self, reg: Registry) -> None:
        reg.capability("report_renderer", "plugins.report_templates.provider:provider")
