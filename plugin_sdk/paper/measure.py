"""How large texts and pictures come out on paper, in points (1/72 inch)."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from ..i18n import lazy as _l
from . import fonts
from .fonts import NO_BREAK_SPACE, RenderFailed
from .line_breaks import break_lines

MM = 72 / 25.4
# an image's size is given in CSS pixels
PIXEL = 96 / 72
MOST_PIXELS = 25_000_000
# keeps a full line from being taken for one that is too long
SLACK = 0.5


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image as printed. :param name: of the file beside the document"""

    name: str
    data: bytes
    width: float
    height: float
    caption: str = ""


def lines(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """Cut printable text into lines that `width` holds at `size`; spaces that HTML would fold are made fast."""
    return [_fast(line) for line in break_lines(text, fonts.width(size, bold=bold), width - SLACK)]


def fit(name: str, data: bytes, width: float, height: float, caption: str = "") -> Picture:
    """Scale an image into a box without cropping or stretching it.

    :raise RenderFailed: not a PNG or JPEG image, or one of more than 25 million pixels
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            across, down = image.size
            suffix = "png" if image.format == "PNG" else "jpg"
            if across * down > MOST_PIXELS:
                raise RenderFailed(_l("报告图像过大"), image=name)
            image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise RenderFailed(_l("报告图像无法读取"), image=name) from error
    scale = min(width / across, height / down)
    return Picture(name=f"{name}.{suffix}", data=data, width=across * scale, height=down * scale, caption=caption)


def _fast(line: str) -> str:
    inner = line.lstrip(" ")
    return NO_BREAK_SPACE * (len(line) - len(inner)) + inner.replace("  ", NO_BREAK_SPACE * 2)
