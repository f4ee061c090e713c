"""Slots: what plugins put into a page. A failure shows 暂不可用 in its place and never blocks the page."""

from __future__ import annotations

import logging
from typing import Any

from flask import render_template
from markupsafe import Markup

from plugin_sdk.i18n import lazy as _l

log = logging.getLogger(__name__)


def fill(ctx: Any, name: str, **given: Any) -> list[Markup]:
    """Draw every enabled plugin's part of a slot, in declared order."""
    parts: list[Markup] = []
    for owner, declared in ctx.app.plugins.house.by_owner.items():
        if owner != "core" and owner not in ctx.enabled:
            continue
        mine = (s for s in declared.slots if s.name == name and (s.code is None or ctx.may(s.code)))
        parts.extend(_draw(ctx, owner, slot, given) for slot in mine)
    return parts


def _draw(ctx: Any, owner: str, slot: Any, given: dict[str, Any]) -> Markup:
    def draw() -> str:
        load = ctx.app.resolve(slot.load) if isinstance(slot.load, str) else slot.load
        values = load(ctx, **given) if load else {}
        return render_template(slot.template, **given, **values)

    try:
        text = ctx.app.plugins.guard.run(owner, f"slot {slot.name}", draw, ctx=ctx)
        return Markup(text)  # rendered by Jinja with autoescape
    except Exception:  # foreign code: the page stays
        log.exception("slot failed", extra={"plugin": owner, "place": slot.name})
        return Markup('<span class="slot-failed">{}</span>').format(_l("暂不可用"))
