"""Where things go on an A4 sheet, in points (1/72 inch) from the top left corner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plugin_sdk.paper.fonts import Printable
from plugin_sdk.paper.measure import MM, Picture, fit, lines
from plugin_sdk.paper.measure import PIXEL as PIXEL

from .content import Content
from .layout import Layout

PAGE_WIDTH, PAGE_HEIGHT = 210 * MM, 297 * MM
MARGIN = 16 * MM
TEXT_WIDTH = PAGE_WIDTH - 2 * MARGIN
TOP, BOTTOM = 11 * MM, 10 * MM
RUNNING, IDENTITY = TEXT_WIDTH - 50, TEXT_WIDTH - 90
EMBLEM = 22 * MM
SIGNATURE_LABEL, SIGNATURE_BOX = 56.0, 132.0
GAP = 12.0
TALLEST_IMAGE = {1: 300.0, 2: 190.0, 3: 150.0, 4: 115.0}


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The measured parts of a printed report. :param foot: height of what each page ends with"""

    logo: Picture | None
    qr: Picture | None
    image_rows: Sequence[Sequence[Picture]]
    signatures: Sequence[Picture | None]
    running: Sequence[str]
    disclaimer: Sequence[str]
    identity: Sequence[str]
    note: Sequence[str]
    signing: float
    foot: float

    def pictures(self) -> Iterator[Picture]:
        """Yield all that has to lie beside the document."""
        yield from (picture for picture in (self.logo, self.qr, *self.signatures) if picture)
        for row in self.image_rows:
            yield from row


def measure(content: Content, layout: Layout, printable: Printable) -> Sheet:
    """Size everything whose size depends on the job.

    :raise RenderFailed: an image cannot be read
    """
    box = (layout.signature_mm[0] * MM, layout.signature_mm[1] * MM)
    signing = box[1] + 18 + (12 if content.same_signer else 0) if content.signers or content.times else 0.0
    disclaimer = lines(printable(content.disclaimer), TEXT_WIDTH, 8)
    identity = lines(printable(content.identity), IDENTITY, 8)
    note = lines(printable.note(), TEXT_WIDTH, 8) if printable.note() else []
    return Sheet(
        logo=fit("logo", content.logo, EMBLEM, EMBLEM) if content.logo else None,
        qr=Picture(name="qr.png", data=content.qr, width=EMBLEM, height=EMBLEM) if content.qr else None,
        image_rows=list(_rows(content, layout)),
        signatures=[
            fit(f"signature-{number}", signer.image, *box) if signer.image else None
            for number, signer in enumerate(content.signers, 1)
        ],
        running=lines(printable(content.running), RUNNING, 8.5),
        disclaimer=disclaimer,
        identity=identity,
        note=note,
        signing=signing,
        foot=signing + 10 + (len(disclaimer) + len(identity) + len(note)) * 11,
    )


def _rows(content: Content, layout: Layout) -> Iterator[Sequence[Picture]]:
    for start in range(0, len(content.images), layout.columns):
        row = content.images[start : start + layout.columns]
        tallest = TALLEST_IMAGE[len(row) if layout.arrangement == "stretch" else layout.columns]
        room = TEXT_WIDTH - GAP * (len(row) if layout.arrangement == "stretch" else layout.columns)
        share = room / (len(row) if layout.arrangement == "stretch" else layout.columns)
        yield [
            fit(f"image-{start + offset}", data, share, tallest, caption)
            for offset, (data, caption) in enumerate(row, 1)
        ]
