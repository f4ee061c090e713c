"""A settings form, made from the settings dataclass: fields with their words, what was typed read back, errors by field."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin, get_type_hints

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.settings import between

Kind = Literal["switch", "number", "choice", "text", "lines", "secret", "shown"]
PREFIX = "set."
"""Before the name of each setting in the form, so that none covers a field of the page."""
LONGEST, MOST_LINES = 2000, 200
TRUE, FALSE = _l("开"), _l("关")


class Form(Protocol):
    """What was sent: a form of the request, or a plain dictionary."""

    def get(self, key: str, /) -> str | None: ...
    def __contains__(self, key: object, /) -> bool: ...


@dataclass(frozen=True)
class Change:
    """Who changed a stored setting and when (UTC)."""

    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Line:
    """One field as it is drawn. ``value`` is what stands in it, ``now`` what is stored where that is something else."""

    name: str
    label: object
    hint: str
    kind: Kind
    value: Any
    choices: Sequence[tuple[str, object]] = ()
    least: int | None = None
    most: int | None = None
    error: str = ""
    now: str = ""
    change: Change | None = None
    is_default: bool = True
    writable: bool = True


class Unreadable(ValueError):
    """What was typed is no value of the setting; the text says why."""


def shown(cls: type[Any], side: str, *, shared: bool) -> list[Field[Any]]:
    """Settings of a dataclass that a side sees; of a connection both sides see all."""
    return [f for f in fields(cls) if shared or f.metadata.get("side", "both") in ("both", side)]


def may_write(of: Field[Any], side: str) -> bool:
    return of.metadata.get("side", "both") in ("both", side)


def version(values: Any, of: Sequence[Field[Any]], *, key: str) -> str:
    """A digest of what a form was drawn with: another one means that somebody saved in between.

    :param key: the house's; secrets are part of it, and without the key nobody can try guesses against what a page shows
    """
    text = json.dumps({f.name: _plain(getattr(values, f.name)) for f in of}, sort_keys=True, default=str)
    return hmac.digest(key.encode(), b"settings form\0" + text.encode(), "sha256").hex()[:32]


def read(cls: type[Any], of: Field[Any], form: Form, *, now: Any) -> Any:
    """What was typed for a setting. A switch that is not sent is off.

    :param now: what is stored; it may stay, also where the form's bounds are narrower
    :raise Unreadable: it is no value of it
    """
    kind, name = kind_of(cls, of), PREFIX + of.name
    if kind == "switch":
        return form.get(name) == "yes"
    typed = (form.get(name) or "").replace("\r\n", "\n").strip()
    if "\0" in typed or any("\ud800" <= sign <= "\udfff" for sign in typed):
        raise Unreadable(_("含有不能保存的字符"))
    if kind == "secret" and not typed:
        return now
    value = _value(cls, of, kind, typed)
    free = value == now or (value is None and _optional(cls, of))
    if kind in ("number", "choice") and not free and (why := refused(of, value)):
        raise Unreadable(why)
    return value


def refused(of: Field[Any], value: Any) -> str:
    """Why a number or a choice is not allowed, in the reader's language; empty when it is."""
    least, most = bounds(of)
    if value is None:
        return _("请填写")
    if choices := of.metadata.get("choices"):
        return "" if value in choices else _("不是可选的值")
    if (least is not None and value < least) or (most is not None and value > most):
        return _("应为 %(range)s", range=between(least, most))
    return ""


def bounds(of: Field[Any]) -> tuple[int | None, int | None]:
    """The smallest and largest number of the form; what may only be lowered ends at its default."""
    most: int | None = default(of) if of.metadata.get("lowers") else of.metadata.get("most")
    return of.metadata.get("least"), most


def line(
    cls: type[Any], of: Field[Any], stored: Any, *, side: str, change: Change | None = None, form: Form | None = None,
    error: str = "", raced: bool = False,
) -> Line:
    """A field with what is stored in it, or with what was typed when ``form`` is given.

    :param raced: somebody else saved meanwhile: where that differs from what was typed, the line says what is stored
    """
    kind, (least, most) = kind_of(cls, of), bounds(of)
    writable = may_write(of, side) and kind != "shown"
    value = _as_typed(stored)
    if form is not None and writable:
        value = form.get(PREFIX + of.name) == "yes" if kind == "switch" else (form.get(PREFIX + of.name) or "")
    if kind == "secret":
        value = ""
    return Line(
        name=of.name, label=of.metadata.get("label") or of.metadata.get("help") or of.name, hint=_hint(of, kind), kind=kind,
        value=value, choices=_choices(cls, of), least=least, most=most, error=error, change=change,
        now=said(of, stored) if raced and kind != "secret" and value != _as_typed(stored) else "",
        is_default=stored == default(of), writable=writable,
    )


def default(of: Field[Any]) -> Any:
    return of.default if of.default is not MISSING else of.default_factory() if of.default_factory is not MISSING else None


def said(of: Field[Any], value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, bool):
        return str(TRUE if value else FALSE)
    if value is None or value == "":
        return _("无")
    if isinstance(value, list | tuple | set | frozenset):
        return _("、").join(map(str, value)) or _("无")
    return str(of.metadata.get("words", {}).get(value, value))


def kind_of(cls: type[Any], of: Field[Any]) -> Kind:
    """How a setting is typed in, by its annotation. What has no field of a form is only shown."""
    hint, args = _hints(cls)[of.name], ()
    if get_origin(hint) in (Union, UnionType):
        rest = [a for a in get_args(hint) if a is not NoneType]
        hint = rest[0] if len(rest) == 1 else object
    hint, args = get_origin(hint) or hint, get_args(hint)
    if of.metadata.get("secret"):
        return "secret"
    if hint is Literal or of.metadata.get("choices"):
        return "choice"
    if hint is list and (not args or args[0] is str):
        return "lines"
    found: Mapping[Any, Kind] = {bool: "switch", int: "number", str: "text"}
    return found.get(hint, "shown")


def _hints(cls: type[Any]) -> Mapping[str, Any]:
    return get_type_hints(cls)


def _optional(cls: type[Any], of: Field[Any]) -> bool:
    return NoneType in get_args(_hints(cls)[of.name])


def _choices(cls: type[Any], of: Field[Any]) -> list[tuple[str, object]]:
    named = of.metadata.get("words", {})
    given = of.metadata.get("choices") or (get_args(_hints(cls)[of.name]) if get_origin(_hints(cls)[of.name]) is Literal else ())
    return [(c, named.get(c, c)) for c in given]


def _value(cls: type[Any], of: Field[Any], kind: Kind, typed: str) -> Any:
    if kind == "number":
        if not typed and _optional(cls, of):
            return None
        if not typed.removeprefix("-").isascii() or not typed.removeprefix("-").isdecimal() or len(typed) > 18:
            raise Unreadable(_("请填写整数") if typed else _("请填写"))
        return int(typed)
    if kind == "choice":
        return typed or None
    if len(typed) > LONGEST:
        raise Unreadable(_("最多 %(n)s 个字", n=LONGEST))
    if kind == "lines":
        found = [row.strip() for row in typed.split("\n") if row.strip()]
        if len(found) > MOST_LINES:
            raise Unreadable(_("最多 %(n)s 行", n=MOST_LINES))
        return None if not found and _optional(cls, of) else found
    return typed


def _hint(of: Field[Any], kind: Kind) -> str:
    """Help where there is a shorter label, then bounds and default."""
    least, most = bounds(of)
    parts = [str(of.metadata["help"])] if of.metadata.get("label") and of.metadata.get("help") else []
    if kind == "number" and (least is not None or most is not None):
        parts.append(between(least, most))
    if of.metadata.get("lowers"):
        parts.append(_("只能调低"))
    if kind == "lines":
        parts.append(_("每行一个"))
    if kind == "secret":
        return _("，").join([*parts, _("不再显示，留空则不变")])
    parts.append(_("默认：%(value)s", value=said(of, default(of))))
    return _("，").join(parts)


def _as_typed(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    return "\n".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)


def _plain(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else value

