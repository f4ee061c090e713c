"""Settings are data: type, default, help and bounds stand on a frozen dataclass; everything else derives from it.

A plugin names its dataclasses by scope in its manifest. A value is stored as (scope, scope_id, ``<owner>.<field>``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_type_hints

from .i18n import lazy as _l
from .i18n import now as _

SettingScope = Literal["platform", "tenant", "link", "user"]
SettingSide = Literal["hospital", "group", "both"]
KINDS: Mapping[type[Any], object] = {bool: _l("应为开或关"), int: _l("请填写整数"), str: _l("请填写文字")}


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


def check(cls: type[Any], of: Field[Any], value: Any) -> str | None:
    """Say in the reader's language why ``value`` is not allowed for a setting of a dataclass, or ``None``."""
    default = of.default
    if value is None and of.name in _blank(cls):  # type: ignore[arg-type]  # a class is hashable, whatever its instances are
        return None
    if default is not MISSING and default is not None and type(value) is not type(default):
        return str(KINDS.get(type(default), _("不是可选的值")))
    least, most, choices = (of.metadata.get(k) for k in ("least", "most", "choices"))
    low = least is not None and isinstance(value, int) and value < least
    high = most is not None and isinstance(value, int) and value > most
    if not isinstance(value, bool) and (low or high):
        return _("应为 %(range)s", range=between(least, most))
    return _("不是可选的值") if choices and value not in choices else None


def between(least: int | None, most: int | None) -> str:
    """Bounds as a person reads them; one of them at least is given."""
    if least is None:
        return _("不大于 %(most)s", most=most)
    return _("不小于 %(least)s", least=least) if most is None else _("%(least)s 到 %(most)s", least=least, most=most)


@cache
def _blank(cls: type[Any]) -> frozenset[str]:
    """Settings of a dataclass that may be nothing, by their annotation."""
    return frozenset(name for name, hint in get_type_hints(cls).items() if NoneType in get_args(hint))


def build(cls: type[Any], stored: dict[str, Any]) -> Any:
    """Make the dataclass from stored values; a stored value that is no longer allowed gives way to the default."""
    known = {f.name: f for f in fields(cls)}
    return cls(**{k: v for k, v in stored.items() if k in known and check(cls, known[k], v) is None})
