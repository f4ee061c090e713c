"""Attribute matching (PS3.4 C.2.2.2) as SQL: single value, list of UIDs, wildcard, range, universal."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date, time
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from core.dicomweb.refusals import BadQuery
from plugin_sdk.dicom.charset import fold

MOST_STARS = 4
MOST_CHARACTERS = 200
_DATE = re.compile(r"\d{8}")
_TIME = re.compile(r"(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?")
_LIKE = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\", "*": "%", "?": "_"})
_GLOB = str.maketrans({"[": "[[]"})
Clause = sa.ColumnElement[bool]
T = TypeVar("T", date, time)


class wildcard(FunctionElement[bool]):
    """``column`` matches a pattern of ``*`` and ``?``, letter case included, alike on both databases."""

    inherit_cache = True
    type = sa.Boolean()
    name = "wildcard"


@compiles(wildcard)
def _like(element: wildcard, compiler: Any, **kw: Any) -> str:
    column, like, _ = element.clauses
    return f"({compiler.process(column, **kw)} LIKE {compiler.process(like, **kw)} ESCAPE '\\')"


@compiles(wildcard, "sqlite")
def _glob(element: wildcard, compiler: Any, **kw: Any) -> str:
    """SQLite's LIKE ignores the case of ASCII letters; GLOB does not."""
    column, _, glob = element.clauses
    return f"({compiler.process(column, **kw)} GLOB {compiler.process(glob, **kw)})"


def text(column: Any, value: str, parameter: str) -> Clause:
    """Single value or wildcard on a text VR; letter case counts (PS3.4 C.2.2.2.1)."""
    pattern = _pattern(value, parameter)
    if "*" not in pattern and "?" not in pattern:
        return sa.type_coerce(column, sa.String) == pattern
    return _wild(column, pattern)


def person(column: Any, value: str, parameter: str, *, pinyin: Any = None) -> Clause:
    """Person names: letter case, and ``^`` against space, do not count.

    :param pinyin: column of the name as one folded word; in Latin letters it says all that the name does, and it
        alone has an index, so the name itself is read for other scripts and for ``?``, which may be a space
    """
    pattern = _name_pattern(_pattern(value, parameter))
    by_name: Clause = sa.func.lower(column).like(pattern.translate(_LIKE), escape="\\")
    word = fold(pattern)
    if pinyin is None or not word.strip("*?"):
        return by_name
    by_word = _wild(pinyin, word)
    return by_word if pattern.isascii() and "?" not in pattern else sa.or_(by_name, by_word)


def uids(column: Any, value: str, parameter: str) -> Clause:
    """List of UIDs, separated by commas or backslashes (PS3.18 8.3.4.2). No wildcards."""
    return column.in_(_listed(value, parameter))  # type: ignore[no-any-return]


def listed(column: Any, value: str, parameter: str) -> Clause:
    """Any of several code strings, each single value or wildcard."""
    return sa.or_(*(text(column, part, parameter) for part in split(value)))


def dates(column: Any, value: str, parameter: str) -> Clause:
    """A day or a range of days, both ends included, against a date column."""
    first, last = _range(value, parameter, day, day)
    wanted = [column.is_not(None)]
    if first is not None:
        wanted.append(column >= first)
    if last is not None:
        wanted.append(column <= last)
    return sa.and_(*wanted)


def moments(column: Any, value: str, parameter: str) -> Clause:
    """As ``dates`` against sortable text ``YYYY-MM-DD HH:MM:SS``, '' for none, so that its index is walked."""
    first, last = _range(value, parameter, day, day)
    wanted = [column >= first.isoformat() if first else column != ""]
    if last is not None:
        wanted.append(column < f"{last.isoformat()} 24")
    return sa.and_(*wanted)


def times(column: Any, value: str, parameter: str) -> Clause:
    """A time or a range; a shortened time covers all that it begins (PS3.4 C.2.2.2.5)."""
    first, last = _range(value, parameter, _earliest, _latest)
    wanted = [column.is_not(None)]
    if first is not None:
        wanted.append(column >= first)
    if last is not None:
        wanted.append(column <= last)
    return sa.and_(*wanted)


def whole(column: Any, value: str, parameter: str) -> Clause:
    """An integer string."""
    if not re.fullmatch(r"[+-]?\d{1,10}", value.strip()):
        raise BadQuery(parameter, "not an integer")
    return column == int(value)  # type: ignore[no-any-return]


def split(value: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,\\]", value) if part.strip()]


def day(written: str, parameter: str) -> date:
    if not (_DATE.fullmatch(written) and written.isascii()):
        raise BadQuery(parameter, "not a date, YYYYMMDD")
    year, month, number = int(written[:4]), int(written[4:6]), int(written[6:])
    if not (year and 1 <= month <= 12 and 1 <= number <= calendar.monthrange(year, month)[1]):
        raise BadQuery(parameter, "no such day")
    return date(year, month, number)


def _earliest(written: str, parameter: str) -> time:
    return _time(written, parameter, "00", "0")


def _latest(written: str, parameter: str) -> time:
    return _time(written, parameter, "59", "9")


def _time(written: str, parameter: str, rest: str, digit: str) -> time:
    found = _TIME.fullmatch(written) if written.isascii() else None
    if found is None:
        raise BadQuery(parameter, "not a time, HHMMSS.FFFFFF")
    hour, minute, second, fraction = found.groups()
    numbers = int(hour), int(minute or rest), min(int(second or rest), 59 if second in (None, "60") else 99)
    if numbers[0] > 23 or numbers[1] > 59 or numbers[2] > 59:
        raise BadQuery(parameter, "no such time")
    return time(*numbers, int((fraction or "").ljust(6, digit)))


def _range(
    value: str, parameter: str, low: Callable[[str, str], T], high: Callable[[str, str], T]
) -> tuple[T | None, T | None]:
    """Read ``A``, ``A-B``, ``A-`` or ``-B``."""
    start, dash, end = (part.strip() for part in value.strip().partition("-"))
    if not dash:
        return low(start, parameter), high(start, parameter)
    if not start and not end:
        raise BadQuery(parameter, "a range without ends")
    first, last = low(start, parameter) if start else None, high(end, parameter) if end else None
    if first is not None and last is not None and first > last:
        raise BadQuery(parameter, "the range ends before it begins")
    return first, last


def _wild(column: Any, pattern: str) -> Clause:
    return wildcard(column, sa.literal(pattern.translate(_LIKE)), sa.literal(pattern.translate(_GLOB)))


def _listed(value: str, parameter: str) -> list[str]:
    found = split(value)
    if not all(re.fullmatch(r"[0-9.]{1,64}", uid) for uid in found):
        raise BadQuery(parameter, "not a UID")
    return found


def _pattern(value: str, parameter: str) -> str:
    """One value without padding; runs of stars are one star, and few are allowed, because many take for ever."""
    pattern = re.sub(r"\*+", "*", value.strip())
    if len(pattern) > MOST_CHARACTERS or pattern.count("*") > MOST_STARS:
        raise BadQuery(parameter, f"at most {MOST_CHARACTERS} characters and {MOST_STARS} wildcards *")
    return pattern


def _name_pattern(pattern: str) -> str:
    """Fold a name as it is stored for display: groups apart, components joined by one space, lower case."""
    alphabetic = next((group for group in pattern.split("=") if group.strip("^ ")), "")
    return re.sub(r"[\^\s]+", " ", alphabetic).strip().lower()
