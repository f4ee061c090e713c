"""What a list is made of in one tenant: its own parts and those of enabled plugins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.web.gate import access_of
from plugin_sdk.errors import Forbidden, NotFound
from plugin_sdk.lists import Column, ListSpec


def columns_of(ctx: Any, spec: ListSpec) -> list[Column]:
    """Own columns, then plugins' with their owner's title, each for whoever holds its code; a dotted name stands for a
    function that makes one."""
    found, taken = list(spec.columns), {c.key for c in spec.columns}
    house, plugins = ctx.app.plugins.house, ctx.app.plugins.found
    for owner, declared in house.by_owner.items():
        if owner != "core" and owner not in ctx.enabled:
            continue
        for name, part in declared.columns:
            if name == spec.name:
                column = ctx.app.resolve(part)() if isinstance(part, str) else part
                if column.key not in taken and (not column.code or any(ctx.may(c) for c in column.code)):
                    taken.add(column.key)
                    title = str(plugins[owner].title or owner) if owner in plugins else owner
                    found.append(replace(column, plugin=title, owner=owner))
    return found


def registered(ctx: Any) -> dict[str, tuple[str, ListSpec]]:
    """Lists by name with their owner, of core and of enabled plugins."""
    return {
        spec.name: (owner, spec)
        for owner, declared in ctx.app.plugins.house.by_owner.items()
        if owner == "core" or owner in ctx.enabled
        for spec in (ctx.app.resolve(dotted) for dotted in declared.listings)
    }


def find(ctx: Any, name: str) -> ListSpec:
    """A declared list that this member may see.

    :raise NotFound: no such list on this side
    :raise Forbidden: its page asks for a permission that is not held
    """
    owner_spec = registered(ctx).get(name)
    if owner_spec is None:
        raise NotFound
    spec = owner_spec[1]
    mine = codes_of(ctx, spec)
    if not mine:
        raise NotFound
    if not any(ctx.may(code) for code in mine):
        raise Forbidden(permission=mine[0])
    return spec


def codes_of(ctx: Any, spec: ListSpec) -> Sequence[str]:
    """Permissions of this side that open the list's page."""
    access = access_of(ctx.app.flask, spec.endpoint)
    return [c for c in access.any_of if c.startswith(f"{ctx.side}.")]


def may_export(ctx: Any, spec: ListSpec) -> bool:
    return any(ctx.may(code) for code in spec.export)


def may_reveal(ctx: Any, spec: ListSpec) -> bool:
    return any(ctx.may(code) for code in spec.reveal)
