"""The two faces a report is printed in, what they can draw and how wide it comes out.

Noto Sans SC, Regular and Bold, fetched with the other assets. A report is never printed in a substitute: the built-in
Latin faces draw nothing at all for Chinese text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from ..errors import DomainError
from ..i18n import lazy as _l

FOLDER = Path(__file__).parent / "fonts"
FAMILY = "telerad"
FILES = {False: "NotoSansSC-Regular.ttf", True: "NotoSansSC-Bold.ttf"}

GETA = "〓"
MOST_UNPRINTABLE = 20
INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff") | {chr(c) for c in range(0xFE00, 0xFE10)}
NO_BREAK_SPACE = "\u00a0"
SPACES = {
    "\t": "    ",
    "\u3000": NO_BREAK_SPACE * 4,
    "\u2007": NO_BREAK_SPACE,
    "\u202f": NO_BREAK_SPACE,
    "\v": "\n",
    "\f": "\n",
    "\u0085": "\n",
    "\u2028": "\n",
    "\u2029": "\n",
}


class RenderFailed(DomainError):
    """A report could not be printed faithfully, so it was not printed at all."""

    status, code, sentence = 503, "unavailable", _l("报告生成失败，请联系管理员")


@cache
def face(folder: Path, bold: bool) -> TTFont:
    """Load a face once per process and register it under the name that the PDF library looks for.

    :raise RenderFailed: the file is missing or no TrueType font
    """
    path = folder / FILES[bold]
    name = f"{FAMILY}_{int(bold)}0"
    try:
        font = TTFont(name, str(path))
    except (OSError, TTFError) as error:
        raise RenderFailed(_l("缺少报告字体，请联系管理员"), font=path.name) from error
    pdfmetrics.registerFont(font)
    return font


def width(size: float, *, bold: bool = False) -> Callable[[str], float]:
    """Return the advance of a character in points at `size` points."""
    glyphs = face(FOLDER, bold).face
    return lambda char: float(glyphs.charWidths.get(ord(char), glyphs.defaultWidth)) * size / 1000


class Printable:
    """Turns text into what the faces can draw, and remembers each character they cannot.

    Such a character is printed as 〓, followed by its number when there are several; :meth:`note` tells which it was.
    """

    def __init__(self) -> None:
        self._drawable = face(FOLDER, False).face.charToGlyph.keys() & face(FOLDER, True).face.charToGlyph.keys()
        self._missing: list[str] = []

    def scan(self, *texts: str) -> None:
        """Look for unprintable characters, before anything is printed.

        :raise RenderFailed: too many different ones for a report that can be read
        """
        for char in dict.fromkeys("".join(map(tidy, texts))):
            if char not in "\n " + NO_BREAK_SPACE and ord(char) not in self._drawable and char not in self._missing:
                self._missing.append(char)
        if len(self._missing) > MOST_UNPRINTABLE:
            raise RenderFailed(_l("报告含有过多无法打印的字符"), count=len(self._missing))

    def __call__(self, text: str) -> str:
        """Return `text` as it is printed; all of it was scanned before."""
        return tidy(text).translate({ord(char): self._mark(index) for index, char in enumerate(self._missing)})

    def note(self) -> str:
        """Say which characters the marks stand for; empty when there are none."""
        if not self._missing:
            return ""
        marks = "，".join(f"{self._mark(index)} = U+{ord(char):04X}" for index, char in enumerate(self._missing))
        return f"字库未收录的字：{marks}"

    def _mark(self, index: int) -> str:
        return GETA if len(self._missing) == 1 else GETA + chr(ord("①") + index)


def tidy(text: str) -> str:
    """Bring text to NFC with line feeds, without what has no shape (controls, zero widths, direction overrides)."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char in SPACES:
        return SPACES[char]
    if char in INVISIBLE or "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069":
        return ""
    kind = unicodedata.category(char)
    if kind in ("Cc", "Cs"):
        return char if char == "\n" else ""
    return " " if kind == "Zs" and char != NO_BREAK_SPACE else char
