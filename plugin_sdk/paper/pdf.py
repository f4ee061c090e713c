"""HTML to PDF: text that can be selected and searched, the same bytes for the same source.

xhtml2pdf draws a source of a renderer's own making and may read nothing but the folder made for this one job. Whatever
it complains about stops the report: a substitute font prints Chinese as blanks, a refused image leaves a hole, and both
are only warnings to it.
"""

from __future__ import annotations

import io
import logging
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from reportlab import rl_config
from reportlab.platypus.doctemplate import LayoutError
from xhtml2pdf import pisa
from xhtml2pdf.config.resources import (
    RenderLimitError,
    ResourceAccessError,
    ResourceAccessPolicy,
)

from . import fonts
from .fonts import RenderFailed
from .measure import Picture

log = logging.getLogger(__name__)

_ONE_AT_A_TIME = threading.Lock()
# what reportlab writes when asked for reproducible files; replaced by the time of sealing, which is as long
_NO_DATE = b"(D:20000101000000+00'00')"


def policy(folder: Path) -> ResourceAccessPolicy:
    """Allow files below `folder` and nothing else, and bound time and size of a rendering."""
    return ResourceAccessPolicy(
        allow_remote=False,
        base_dir=folder,
        max_resource_bytes=20 * 1024 * 1024,
        max_local_bytes=20 * 1024 * 1024,
        max_image_pixels=25_000_000,
        max_resources=40,
        max_total_bytes=120 * 1024 * 1024,
        max_fetch_seconds=5,
        max_render_seconds=60,
        max_document_bytes=4 * 1024 * 1024,
        max_depth=60,
        allow_remote_pdf_backgrounds=False,
    )


def to_pdf(source: str, pictures: Iterable[Picture], *, title: str, author: str, at: datetime | None) -> bytes:
    """Draw one HTML source. The faces lie beside it as ``regular.ttf`` and ``bold.ttf``, the pictures by their names.

    One rendering at a time per process; call it from a job, never inside a transaction.

    :param at: the document's date; ``None`` leaves a fixed one
    :raise RenderFailed: the document would not show all of the report: no font, an unreadable image, a limit
    """
    with tempfile.TemporaryDirectory(prefix="report-") as name:
        stage = Path(name)
        for bold, face in ((False, "regular.ttf"), (True, "bold.ttf")):
            shutil.copyfile(fonts.FOLDER / fonts.FILES[bold], stage / face)
        for picture in pictures:
            (stage / picture.name).write_bytes(picture.data)
        return _dated(draw(source, stage, {"title": title, "author": author, "subject": "", "keywords": ""}), at)


def draw(source: str, stage: Path, meta: dict[str, str]) -> bytes:
    """Draw one HTML source whose files lie in `stage`.

    :raise RenderFailed: anything was refused, missing, too large or too slow
    """
    out = io.BytesIO()
    with _ONE_AT_A_TIME, _reproducible(), _complaints() as complaints:
        try:
            result = pisa.CreatePDF(
                source, dest=out, path=str(stage / "report.html"), context_meta=meta, resource_policy=policy(stage)
            )
        except (LayoutError, RenderLimitError, ResourceAccessError, OSError, ValueError) as error:
            raise RenderFailed(error=type(error).__name__) from error
    if result.err or complaints:
        # where in the library, not what it said: its sentences quote the report
        log.error("report not printed", extra={"errors": result.err, "complaints": sorted(set(complaints))})
        raise RenderFailed(complaints=len(complaints))
    return out.getvalue()


@contextmanager
def _reproducible() -> Iterator[None]:
    """Same bytes for the same source, and streams as they are: base 85 in pure Python costs more than the drawing."""
    before = rl_config.invariant, rl_config.useA85
    rl_config.invariant, rl_config.useA85 = 1, 0
    try:
        yield
    finally:
        rl_config.invariant, rl_config.useA85 = before


class _Complaints(logging.Handler):
    def __init__(self, places: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._places = places

    def emit(self, record: logging.LogRecord) -> None:
        self._places.append(f"{record.module}:{record.lineno}")


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect where xhtml2pdf warned, and keep its sentences out of the logs: they quote names and findings."""
    library = logging.getLogger("xhtml2pdf")
    places: list[str] = []
    handler = _Complaints(places)
    before = library.propagate
    library.addHandler(handler)
    library.propagate = False
    try:
        yield places
    finally:
        library.removeHandler(handler)
        library.propagate = before


def _dated(pdf: bytes, at: datetime | None) -> bytes:
    """Enter the time of the report as the document's dates; offsets stay, both are equally long."""
    if at is None:
        return pdf
    return pdf.replace(_NO_DATE, at.astimezone(UTC).strftime("(D:%Y%m%d%H%M%S+00'00')").encode("ascii"))
