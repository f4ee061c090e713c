"""Provider of the ``report_renderer`` capability: one job, on paper and on the screen."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from plugin_sdk.capabilities import ReportTemplate
from plugin_sdk.consultation import ReportJob
from plugin_sdk.paper import fonts
from plugin_sdk.paper.fonts import Printable
from plugin_sdk.paper.measure import lines
from plugin_sdk.paper.pdf import to_pdf
from plugin_sdk.types import Ctx

from . import logos, sheet
from .content import compose
from .settings import COLOURS, Letterhead

SHEETS = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "sheets"),
    autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
)


def data_url(image: bytes) -> str:
    kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"


SHEETS.filters |= {"lines": lines, "data_url": data_url, "tidy": fonts.tidy}


class HospitalRenderer:
    """Implements :class:`plugin_sdk.capabilities.ReportRenderer` for one hospital."""

    def __init__(self, ctx: Ctx) -> None:
        self.ctx = ctx

    def templates(self) -> Sequence[ReportTemplate]:
        return [ReportTemplate(ref="example_report_layout", title="本院版式", default=True)]

    def preview(self, job: ReportJob) -> str:
        """One ``<article>`` with its style sheet and its images inside, without any script."""
        head = self.ctx.settings(Letterhead)
        content = compose(job, head, logos.picture(self.ctx))
        return SHEETS.get_template("screen.html").render(content=content, colours=COLOURS[head.colour])

    def render(self, job: ReportJob) -> bytes:
        """:raise RenderFailed: the sheet would not show all of the report"""
        head = self.ctx.settings(Letterhead)
        content = compose(job, head, logos.picture(self.ctx))
        say = Printable()
        say.scan(*content.texts())
        measured = sheet.measure(content, say)
        source = SHEETS.get_template("print.html").render(
            content=content, sheet=measured, say=say, at=sheet, colours=COLOURS[head.colour], family=fonts.FAMILY
        )
        return to_pdf(
            source, measured.pictures(), title=f"{head.title} 第 {job.report.n} 版", author=job.hospital,
            at=job.report.sealed_at or job.written_at,
        )


def provider(ctx: Ctx) -> HospitalRenderer:
    return HospitalRenderer(ctx)
