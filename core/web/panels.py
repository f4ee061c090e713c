"""Panels of enabled plugins, filled for a period. One that fails or hangs shows 暂不可用 in its place."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from plugin_sdk.panels import Panel, PanelData, Period, ShownPanel

if TYPE_CHECKING:
    from core.host.context import TenantCtx

log = logging.getLogger(__name__)


def shown(ctx: TenantCtx, period: Period) -> Iterator[ShownPanel]:
    """What this member may see, in start order."""
    plugins = ctx.app.plugins
    for owner, declared in plugins.house.by_owner.items():
        for name, panel in declared.panels.items() if owner in ctx.enabled else ():
            if any(map(ctx.may, panel.codes)):
                title = plugins.found[owner].title or owner
                yield ShownPanel(name=name, title=panel.title, plugin=title, data=_load(ctx, owner, name, panel, period))


def _load(ctx: TenantCtx, owner: str, name: str, panel: Panel, period: Period) -> PanelData | None:
    try:
        load = ctx.app.resolve(panel.load) if isinstance(panel.load, str) else panel.load
        return ctx.app.plugins.guard.apart(  # type: ignore[no-any-return]
            owner, f"panel {name}", load, ctx, period, check=lambda answer: isinstance(answer, PanelData), ctx=ctx
        )
    except Exception:  # foreign code: the page stays
        log.exception("panel failed", extra={"plugin": owner, "place": name})
        return None
