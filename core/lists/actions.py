"""What can be done with a row, as the template needs it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.lists import ListSpec, ManyAction, RowAction

A = TypeVar("A", RowAction, ManyAction)
UNAVAILABLE = _l("暂不可用")
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ActionView:
    """One action of a row or of the multi-select bar. ``disabled_reason`` is empty when it can run."""

    key: str
    label: object
    url: str
    method: str
    primary: bool = False
    more: bool = False
    disabled_reason: object = ""
    least: int = 0
    most: int = 0


def actions_of(ctx: Any, spec: ListSpec, row: Any) -> Sequence[ActionView]:
    """The row's actions: absent without the right, grey with a reason when the state forbids it."""
    views = []
    for action in _declared(ctx, spec, RowAction):
        if action.code and not ctx.may(action.code):
            continue
        try:
            view = _view(action, row)
        except Exception:  # foreign code: the row stays, the action stands grey
            log.exception("row action failed", extra={"place": f"{spec.name}:{action.key}"})
            view = ActionView(
                key=action.key, label=action.label, url="", method=action.method, more=action.more, disabled_reason=UNAVAILABLE
            )
        if view is not None:
            views.append(view)
    own = (_view(a, row) for a in spec.actions if not a.code or ctx.may(a.code))
    return [*views, *(v for v in own if v is not None)]


def _view(action: RowAction, row: Any) -> ActionView | None:
    """One action for one row, ``None`` where it has no place."""
    if not action.show(row):
        return None
    return ActionView(
        key=action.key, label=action.label, url=action.url(row), method=action.method, primary=action.verb,
        more=action.more, disabled_reason="" if action.when(row) else action.reason(row) or "-",
    )


def many_of(ctx: Any, spec: ListSpec) -> Sequence[ActionView]:
    return [_many_view(spec, a) for a in _many(ctx, spec)]


def _many_view(spec: ListSpec, action: ManyAction) -> ActionView:
    try:
        url, why = action.url(), ""
    except Exception:  # foreign code: the list stays, the button stands grey
        log.exception("many-row action failed", extra={"place": f"{spec.name}:{action.key}"})
        url, why = "", str(UNAVAILABLE)
    return ActionView(
        key=action.key, label=action.label, url=url, method="post", least=action.least, most=action.most, disabled_reason=why
    )


def refused_of(ctx: Any, spec: ListSpec, row: Any) -> Mapping[str, str]:
    """Why each many-row action cannot take this row, by its key; the row named as people call it."""
    name = spec.called(row)
    return {a.key: f"{name} {why}".strip() for a in _many(ctx, spec) if (why := _against(spec, a, row)) is not None}


def _against(spec: ListSpec, action: ManyAction, row: Any) -> str | None:
    """Why an action cannot take a row, ``None`` when it can."""
    try:
        return None if action.when(row) else str(action.reason(row))
    except Exception:  # foreign code: the row is not taken, and says why
        log.exception("many-row action failed", extra={"place": f"{spec.name}:{action.key}"})
        return str(UNAVAILABLE)


def _many(ctx: Any, spec: ListSpec) -> list[ManyAction]:
    return [a for a in (*spec.many, *_declared(ctx, spec, ManyAction)) if not a.code or ctx.may(a.code)]


def _declared(ctx: Any, spec: ListSpec, kind: type[A]) -> list[A]:
    """Actions that enabled plugins add; a dotted name stands for a function that makes one."""
    found = ctx.app.plugins.house.for_list("row_actions", spec.name, ctx.enabled)
    made = [ctx.app.resolve(a)() if isinstance(a, str) else a for a in found]
    return [a for a in made if isinstance(a, kind)]
