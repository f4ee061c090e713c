"""Slots: what plugins put into a page. A failure shows 暂不可用 in its place and never blocks the page."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from flask import render_template
from markupsafe import Markup

from plugin_sdk.declared import SlotTab
from plugin_sdk.i18n import lazy as _l

log = logging.getLogger(__name__)


def values(ctx: Any, name: str, **given: Any) -> list[Mapping[str, Any] | None]:
    """What every enabled plugin loads for a slot that core draws itself; ``None`` for one that failed."""
    found: list[Mapping[str, Any] | None] = []
    for owner, slot in _slots(ctx, name):
        load = ctx.app.resolve(slot.load) if isinstance(slot.load, str) else slot.load
        try:
            found.append(ctx.app.plugins.guard.apart(owner, f"slot {name}", partial(load, ctx, **given), ctx=ctx))
        except Exception:  # foreign code: the page stays
            log.exception("slot failed", extra={"plugin": owner, "place": name})
            found.append(None)
    return found


def fill(ctx: Any, name: str, *, owner: str = "", **given: Any) -> list[Markup]:
    """Draw every enabled plugin's part of a slot, or that of one owner, in declared order."""
    return [_draw(ctx, of, slot, given) for of, slot in _slots(ctx, name) if owner in ("", of)]


def tabs(ctx: Any, name: str) -> list[SlotTab]:
    """The tabs that enabled plugins add, one per plugin; each is drawn by :func:`fill` with its owner."""
    found: dict[str, SlotTab] = {}
    for owner, slot in _slots(ctx, name):
        found.setdefault(owner, SlotTab(owner=owner, title=slot.title or owner))
    return list(found.values())


def _slots(ctx: Any, name: str) -> Iterator[tuple[str, Any]]:
    """What fills a slot for this member, with its owner."""
    for owner, declared in ctx.app.plugins.house.by_owner.items():
        if owner == "core" or owner in ctx.enabled:
            yield from ((owner, s) for s in declared.slots if s.name == name and (s.code is None or ctx.may(s.code)))


def _draw(ctx: Any, owner: str, slot: Any, given: dict[str, Any]) -> Markup:
    def draw() -> str:
        load = ctx.app.resolve(slot.load) if isinstance(slot.load, str) else slot.load
        values = load(ctx, **given) if load else {}
        return render_template(slot.template, **given, **values)

    try:
        text = ctx.app.plugins.guard.apart(owner, f"slot {slot.name}", draw, ctx=ctx)
        return Markup(text)  # rendered by Jinja with autoescape
    except Exception:  # foreign code: the page stays
        log.exception("slot failed", extra={"plugin": owner, "place": slot.name})
        return Markup('<span class="slot-failed">{}</span>').format(_l("暂不可用"))
