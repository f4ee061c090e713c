"""Where a line of a Chinese report may end.

A measurement cut in two ("8." at the end of a line, "2 mm" on the next) is a misread report, so a number stays with its
unit and with the numbers it is multiplied or ranged with. Otherwise the usual rules: closing marks never start a line,
opening marks never end one, Latin words stay whole. What is wider than a line all the same is cut at the margin: no
character is ever drawn outside it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

CANNOT_START = frozenset("!,.:;?)]}>%'\"”’、。，．：；？！）］｝〕〉》」』】〗〞～…—‥·・%％‰℃°′″〃々ー")
CANNOT_END = frozenset("([{<$#@“‘（［｛〔〈《「『【〖＄￥＃")
FIRST_CJK = 0x2E80

_NUMBER = r"(?:[±+\-−<>≤≥≈~约＜＞]\s?)?\d+(?:[.,:/\-．：]\d+)*"
_UNIT = (
    r"(?:\s?(?:[A-Za-zμµΩ°℃‰%％′″²³㎜㎝㎏㎎㎡㎞㏄][A-Za-zμµ0-9²³/·%]*"
    r"|毫米|厘米|分米|平方|立方|毫升|毫克|毫|微|公斤|千克|小时|分钟|个月|[米升克岁年月周天日时点分秒度级期型类枚个处次张幅层节段支条根倍代号页]))"
)
_JOIN = r"\s?[×xX*＊/~～\-–—至到、]\s?"
QUANTITY = re.compile(rf"{_NUMBER}{_UNIT}?(?:{_JOIN}{_NUMBER}{_UNIT}?)*")
# above this many characters a chain of numbers is a table in disguise and may be cut between them
LONGEST_QUANTITY = 32


def break_lines(text: str, width: Callable[[str], float], limit: float) -> list[str]:
    """Cut `text` into lines of at most `limit`, at line feeds and wherever a line is full.

    A space at which a line ends is dropped, all other characters are kept. An empty line stays one.

    :param width: advance of one character, in the unit of `limit`
    """
    return [line for paragraph in text.split("\n") for line in _fill(paragraph, width, limit)]


def _fill(paragraph: str, width: Callable[[str], float], limit: float) -> Iterator[str]:
    line, used = "", 0.0
    for piece in _pieces(paragraph):
        size = sum(map(width, piece))
        if line.strip() and used + sum(map(width, piece.rstrip(" "))) > limit:
            yield line.rstrip(" ")
            line, used = "", 0.0
        for char in piece if size > limit else ():
            if line and used + width(char) > limit:
                yield line
                line, used = "", 0.0
            line, used = line + char, used + width(char)
        if size <= limit:
            line, used = line + piece, used + size
    yield line.rstrip(" ")


def _pieces(paragraph: str) -> Iterator[str]:
    """Yield the runs of characters between two places where a line may end; spaces close the run before them."""
    inside = set[int]()
    for match in QUANTITY.finditer(paragraph):
        if len(match.group()) <= LONGEST_QUANTITY:
            inside.update(range(match.start() + 1, match.end()))
    start = 0
    for at in range(1, len(paragraph)):
        if at not in inside and not _holds(paragraph[at - 1], paragraph[at]):
            yield paragraph[start:at]
            start = at
    yield paragraph[start:]


def _holds(before: str, after: str) -> bool:
    """Whether no line may end between two neighbours."""
    if after == " " or "\u00a0" in (before, after):
        return True
    if before == " ":
        return False
    if after in CANNOT_START or before in CANNOT_END or unicodedata.combining(after):
        return True
    return ord(before) < FIRST_CJK and ord(after) < FIRST_CJK
