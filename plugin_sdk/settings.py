"""Settings are data: type, default, help and bounds stand on a frozen dataclass; everything else derives from it.

A plugin names its dataclasses by scope in its manifest. A value is stored as (scope, scope_id, ``<owner>.<field>``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Any, Literal

SettingScope = Literal["platform", "tenant", "link", "user"]
SettingSide = Literal["hospital", "group", "both"]


def setting(
    default: Any,
    help: object,
    *,
    label: object = "",
    least: int | None = None,
    most: int | None = None,
    choices: tuple[str, ...] = (),
    words: Mapping[str, object] | None = None,
    side: SettingSide = "both",
    lowers: bool = False,
    secret: bool = False,
) -> Any:
    """One setting; its form field derives from it.

    :param help: what it does; the field's label too where there is no shorter ``label``
    :param least: smallest whole number allowed; :param most: largest
    :param words: what the ``choices`` are called
    :param side: whom it concerns; of a connection, who may write it while both read it
    :param lowers: on the tenant's page it can be lowered from its default, not raised
    :param secret: a text that no page ever shows again; an empty field of the form leaves it as it is
    :raise TypeError: a secret that is no text
    """
    if secret and not isinstance(default, str):
        raise TypeError("a secret is a text")
    return field(
        default=default,
        metadata={"help": help, "label": label, "least": least, "most": most, "choices": choices, "words": words or {},
                  "side": side, "lowers": lowers, "secret": secret},
    )


def check(of: Field[Any], value: Any) -> str | None:
    """Say why ``value`` is not allowed for a setting, or ``None``."""
    default = of.default
    if default is not MISSING and default is not None and type(value) is not type(default):
        return f"{of.name}: expected {type(default).__name__}"
    least, most, choices = (of.metadata.get(k) for k in ("least", "most", "choices"))
    low = least is not None and isinstance(value, int) and value < least
    high = most is not None and isinstance(value, int) and value > most
    if not isinstance(value, bool) and (low or high):
        return f"{of.name}: {least} to {most}"
    if choices and value not in choices:
        return f"{of.name}: one of {', '.join(choices)}"
    return None


def build(cls: type[Any], stored: dict[str, Any]) -> Any:
    """Make the dataclass from stored values; a stored value that is no longer allowed gives way to the default."""
    known = {f.name: f for f in fields(cls)}
    return cls(**{k: v for k, v in stored.items() if k in known and check(known[k], v) is None})
