"""A report as PDF: A4, text that can be selected and searched, the same bytes for the same job."""

from __future__ import annotations

from plugin_sdk.consultation import ReportJob
from plugin_sdk.paper.pdf import to_pdf

from .content import compose
from .html import measured_for_print, printed
from .layout import STANDARD, Layout


def render(job: ReportJob, layout: Layout = STANDARD) -> bytes:
    """Print `job` on A4. Call it from a worker, never inside a transaction.

    :raise RenderFailed: the document would not show all of the report: no font, an unreadable image, a limit
    """
    content = compose(job, layout)
    printable, sheet = measured_for_print(content, layout)
    return to_pdf(
        printed(content, layout, printable, sheet), sheet.pictures(), title=f"{layout.title} 第 {job.report.n} 版",
        author=job.hospital, at=job.report.sealed_at or job.written_at,
    )
