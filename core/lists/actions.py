"""What can be done with a row, as the template needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from plugin_sdk.lists import ListSpec, ManyAction, RowAction

A = TypeVar("A", RowAction, ManyAction)


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
    for action in (*_declared(ctx, spec, RowAction), *spec.actions):
        if (action.code and not ctx.may(action.code)) or not action.show(row):
            continue
        runs = action.when(row)
        views.append(
            ActionView(
                key=action.key, label=action.label, url=action.url(row), method=action.method, primary=action.verb,
                more=action.more, disabled_reason="" if runs else action.reason(row) or "-",
            )
        )
    return views


def many_of(ctx: Any, spec: ListSpec) -> Sequence[ActionView]:
    return [
        ActionView(key=a.key, label=a.label, url=a.url(), method="post", least=a.least, most=a.most)
        for a in (*spec.many, *_declared(ctx, spec, ManyAction))
        if not a.code or ctx.may(a.code)
    ]


def _declared(ctx: Any, spec: ListSpec, kind: type[A]) -> list[A]:
    """Actions that enabled plugins add; a dotted name stands for a function that makes one."""
    found = ctx.app.plugins.house.for_list("row_actions", spec.name, ctx.enabled)
    made = [ctx.app.resolve(a)() if isinstance(a, str) else a for a in found]
    return [a for a in made if isinstance(a, kind)]
