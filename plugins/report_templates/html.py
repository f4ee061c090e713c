"""A report as HTML: for the screen, and as the source of the printed sheet.

Both come from our own two templates. A job's texts reach them as text and leave them escaped; nothing in a text is
ever read as markup or as a template.
"""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from plugin_sdk.consultation import ReportJob
from plugin_sdk.paper import fonts
from plugin_sdk.paper.fonts import Printable
from plugin_sdk.paper.measure import lines

from . import sheet
from .content import Content, compose
from .layout import Layout

TEMPLATES = Path(__file__).parent / "templates" / "report_templates"
SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}


def data_url(image: bytes) -> str:
    """Return an image for an ``src``; empty for anything that is not PNG or JPEG."""
    for start, kind in SIGNATURES.items():
        if image.startswith(start):
            return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"
    return ""


ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters["lines"] = lines
ENVIRONMENT.filters["data_url"] = data_url
ENVIRONMENT.filters["tidy"] = fonts.tidy


def to_html(job: ReportJob, layout: Layout, *, for_print: bool) -> str:
    """Show `job` in `layout`.

    For the screen it is one ``<article class="report-sheet">`` with its own style sheet and its images inside, without
    any script. For print it is the document that :mod:`.pdf` draws, whose images lie beside it.

    :raise RenderFailed: for print, when a face is missing or an image cannot be read
    """
    content = compose(job, layout)
    if for_print:
        printable, measured = measured_for_print(content, layout)
        return printed(content, layout, printable, measured)
    return ENVIRONMENT.get_template("screen.html").render(content=content, layout=layout)


def measured_for_print(content: Content, layout: Layout) -> tuple[Printable, sheet.Sheet]:
    """Find out what the faces can draw and how large everything gets."""
    printable = Printable()
    printable.scan(*content.texts())
    return printable, sheet.measure(content, layout, printable)


def printed(content: Content, layout: Layout, printable: Printable, measured: sheet.Sheet) -> str:
    """Return the source of the printed sheet."""
    return ENVIRONMENT.get_template("print.html").render(
        content=content, layout=layout, sheet=measured, say=printable, at=sheet, family=fonts.FAMILY
    )
