"""What can be done with a row, as the template needs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.lists import ListSpec, ManyAction, RowAction

A = TypeVar("A", RowAction, ManyAction)
T = TypeVar("T")
SECONDS = 1.0
"""What a plugin's answer about one row may take."""
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
    for owner, action in _declared(ctx, spec, RowAction):
        if action.code and not ctx.may(action.code):
            continue
        try:
            view = _ask(ctx, spec, owner, _view, action, row)
        except Exception:  # foreign code: the row stays, the action stands grey
            log.exception("row action failed", extra={"plugin": owner, "place": f"{spec.name}:{action.key}"})
            view = ActionView(
                key=action.key, label=action.label, url="", method=action.method, more=action.more, disabled_reason=UNAVAILABLE
            )
        if view is not None:
            views.append(view)
    own = (_view(a, row) for a in spec.actions if not a.code or ctx.may(a.code))
    return [*views, *(v for v in own if v is not None)]


def _ask(ctx: Any, spec: ListSpec, owner: str, function: Callable[..., T], *args: Any) -> T:
    answer: T = ctx.app.plugins.guard.run(owner, f"list {spec.name}", function, *args, seconds=SECONDS, ctx=ctx)
    return answer


def _view(action: RowAction, row: Any) -> ActionView | None:
    """One action for one row, ``None`` where it has no place."""
    if not action.show(row):
        return None
    return ActionView(
        key=action.key, label=action.label, url=action.url(row), method=action.method, primary=action.verb,
        more=action.more, disabled_reason="" if action.when(row) else action.reason(row) or "-",
    )


def many_of(ctx: Any, spec: ListSpec) -> Sequence[ActionView]:
    return [_many_view(ctx, spec, owner, a) for owner, a in _many(ctx, spec)]


def _many_view(ctx: Any, spec: ListSpec, owner: str, action: ManyAction) -> ActionView:
    try:
        url, why = _ask(ctx, spec, owner, action.url), ""
    except Exception:  # foreign code: the list stays, the button stands grey
        log.exception("many-row action failed", extra={"plugin": owner, "place": f"{spec.name}:{action.key}"})
        url, why = "", str(UNAVAILABLE)
    return ActionView(
        key=action.key, label=action.label, url=url, method="post", least=action.least, most=action.most, disabled_reason=why
    )


def refused_of(ctx: Any, spec: ListSpec, row: Any) -> Mapping[str, str]:
    """Why each many-row action cannot take this row, by its key; the row named as people call it."""
    name = spec.called(row)
    return {a.key: f"{name} {why}".strip() for o, a in _many(ctx, spec) if (why := _against(ctx, spec, o, a, row)) is not None}


def _against(ctx: Any, spec: ListSpec, owner: str, action: ManyAction, row: Any) -> str | None:
    """Why an action cannot take a row, ``None`` when it can."""
    try:
        return _ask(ctx, spec, owner, lambda: None if action.when(row) else str(action.reason(row)))
    except Exception:  # foreign code: the row is not taken, and says why
        log.exception("many-row action failed", extra={"plugin": owner, "place": f"{spec.name}:{action.key}"})
        return str(UNAVAILABLE)


def _many(ctx: Any, spec: ListSpec) -> list[tuple[str, ManyAction]]:
    own = [("core", a) for a in spec.many]
    return [(o, a) for o, a in (*own, *_declared(ctx, spec, ManyAction)) if not a.code or ctx.may(a.code)]


def _declared(ctx: Any, spec: ListSpec, kind: type[A]) -> list[tuple[str, A]]:
    """Actions that enabled plugins add, with their owners; a dotted name stands for a function that makes one."""
    found = ctx.app.plugins.house.for_list("row_actions", spec.name, ctx.enabled)
    made = [(owner, ctx.app.resolve(a)() if isinstance(a, str) else a) for owner, a in found]
    return [(owner, a) for owner, a in made if isinstance(a, kind)]
