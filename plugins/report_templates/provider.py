"""Provider of the ``report_renderer`` capability."""

from __future__ import annotations

from collections.abc import Sequence

from plugin_sdk.capabilities import ReportTemplate
from plugin_sdk.consultation import ReportJob
from plugin_sdk.types import Ctx
from plugins.report_templates.html import to_html
from plugins.report_templates.layout import STANDARD
from plugins.report_templates.pdf import render


class StandardRenderer:
    """Implements :class:`plugin_sdk.capabilities.ReportRenderer` with the standard layout."""

    def templates(self) -> Sequence[ReportTemplate]:
        return [ReportTemplate(ref="standard", title=str(STANDARD.title), default=True)]

    def preview(self, job: ReportJob) -> str:
        return to_html(job, STANDARD, for_print=False)

    def render(self, job: ReportJob) -> bytes:
        return render(job, STANDARD)


def provider(ctx: Ctx) -> StandardRenderer:
    return StandardRenderer()
