"""The one rule for a patient's age: at the study, never today, and never 0岁."""

from __future__ import annotations

import re
from datetime import date

OLDEST = 120
_AGE = re.compile(r"(\d{1,3})([DWMY])")


def age_text(birth: date | None, at: date | None, dicom_age: str | None = None) -> str:
    """Say the age as 岁 from one year, 月 from one month, else 天; 未知 when nothing sensible is known.

    :param at: date of the study; the birth date wins over `dicom_age` (AS, PS3.5 6.2) unless it lies after the study
        or more than 120 years before it, as placeholders do
    """
    if birth is not None and at is not None and birth <= at and _years(birth, at) <= OLDEST:
        months = (at.year - birth.year) * 12 + at.month - birth.month - (at.day < birth.day)
        return _say(_years(birth, at), months, (at - birth).days)
    match = _AGE.fullmatch((dicom_age or "").strip().upper())
    if match is None:
        return "未知"
    count, unit = int(match[1]), match[2]
    if count == 0 and unit != "D":
        return "未知"
    days = {"D": count, "W": count * 7, "M": 0, "Y": 0}[unit]
    months = count if unit == "M" else days * 12 // 365
    years = count if unit == "Y" else months // 12
    return _say(years, months, days) if years <= OLDEST else "未知"


def _years(birth: date, at: date) -> int:
    return at.year - birth.year - ((at.month, at.day) < (birth.month, birth.day))


def _say(years: int, months: int, days: int) -> str:
    if years > 0:
        return f"{years}岁"
    return f"{months}月" if months > 0 else f"{days}天"
