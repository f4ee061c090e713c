"""Where things go on an A4 sheet, in points. Every line is broken before it is drawn: the PDF maker cuts Chinese anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plugin_sdk.paper.fonts import Printable
from plugin_sdk.paper.measure import MM, Picture, fit, lines
from plugin_sdk.paper.measure import PIXEL as PIXEL

from .content import Content

PAGE_WIDTH, PAGE_HEIGHT = 210 * MM, 297 * MM
MARGIN, TOP, BOTTOM = 15 * MM, 11 * MM, 9 * MM
WIDTH = PAGE_WIDTH - 2 * MARGIN
EMBLEM, CODE, CODE_CELL = 19 * MM, 20 * MM, 62.0
MIDDLE = WIDTH - EMBLEM - CODE_CELL - 10
THIRD = (WIDTH - 16) / 3
LABEL = 52.0
TEXT, BOX = WIDTH - 14, WIDTH - 28
COLUMN = (WIDTH - 12) / 2
IMAGE_HEIGHTS = (162.0, 116.0)
"""Of one row, and of each of several: four images and an ordinary report fit one page."""
SIGNATURE = (86.0, 30.0)
SIGNER = 82.0
IDENTITY = WIDTH - 80


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The measured parts. :param foot: height of what each page ends with"""

    logo: Picture | None
    qr: Picture | None
    image_height: float
    rows: Sequence[Sequence[Picture]]
    signatures: Sequence[Picture | None]
    running: Sequence[str]
    foot_lines: Sequence[str]
    foot: float

    def pictures(self) -> Iterator[Picture]:
        yield from (p for p in (self.logo, self.qr, *self.signatures) if p)
        for row in self.rows:
            yield from row


def measure(content: Content, say: Printable) -> Sheet:
    """:raise RenderFailed: an image cannot be read"""
    high = IMAGE_HEIGHTS[len(content.images) > 2]
    pictures = [fit(f"image-{n}", data, COLUMN - 2, high - 2, caption) for n, (data, caption) in enumerate(content.images, 1)]
    small = [line for text in (*content.foot, say.note()) if text for line in lines(say(text), WIDTH, 8)]
    identity = lines(say(content.identity), IDENTITY, 7.5)
    return Sheet(
        logo=fit("logo", content.logo, EMBLEM, EMBLEM) if content.logo else None,
        qr=Picture(name="qr.png", data=content.qr, width=CODE, height=CODE) if content.qr else None,
        image_height=high,
        rows=[pictures[at : at + 2] for at in range(0, len(pictures), 2)],
        signatures=[fit(f"signature-{n}", s.image, *SIGNATURE) if s.image else None for n, s in enumerate(content.signers, 1)],
        running=lines(say(content.running), WIDTH - 60, 8.5),
        foot_lines=[*small, *identity],
        foot=SIGNATURE[1] + 16 + 11 * (len(small) + len(identity)) + 12,
    )
