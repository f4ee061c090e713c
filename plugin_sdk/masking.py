"""The one place that masks: what stands where a value may identify somebody and the reader has not asked for it.

The rule of ``docs/security.md``: full names where a role identifies patients, else ``张*``; phone and ID card masked
everywhere.
"""

from __future__ import annotations

NONE = "-"
HIDDEN = "****"


def name(value: str) -> str:
    """``张*``: the first letter. How long a name is stays hidden too."""
    return f"{value.strip()[0]}*" if value.strip() else NONE


def phone(value: str) -> str:
    """``138****1234``. Of a number shorter than a mobile's nothing shows: seven digits left of eight hide nothing."""
    value = value.strip()
    if not value:
        return NONE
    return f"{value[:3]}{HIDDEN}{value[-4:]}" if len(value) >= len("13812341234") else HIDDEN


def id_card(value: str) -> str:
    """``3301**********1234``: place of issue and the end. Of anything shorter than an old 15-digit number nothing shows."""
    value = value.strip()
    if not value:
        return NONE
    return f"{value[:4]}{'*' * (len(value) - 8)}{value[-4:]}" if len(value) >= len("330106680501123") else HIDDEN
