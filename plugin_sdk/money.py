"""Money is whole fen. Amounts are read and shown in yuan without ever being a float."""

from __future__ import annotations

import re

MOST_FEN = 99_999_999
"""The largest amount that a form takes, fen: 999,999.99 yuan."""
_AMOUNT = re.compile(r"(\d{1,6})(?:\.(\d{1,2}))?", re.ASCII)


def yuan(fen: int) -> str:
    """``123456`` is ``1,234.56``."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:,}.{rest:02d}"


def read_hundredths(text: str) -> int:
    """What a person typed, in hundredths: ``12.5`` is 1250. So yuan become fen, and a factor per cent.

    :raise ValueError: no number, a sign, more than two decimals or more than six digits before them
    """
    found = _AMOUNT.fullmatch(text.strip().replace(",", ""))
    if found is None:
        raise ValueError(text)
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))
