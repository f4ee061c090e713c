"""Who answers for a capability in one tenant. Broken, gone or hanging is never the same as nobody."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.host.loader import bundled
from plugin_sdk.errors import DomainError, PluginUnavailable

if TYPE_CHECKING:
    from core.host.context import TenantCtx

log = logging.getLogger(__name__)
SECONDS = 60.0
"""What a call of a provider from outside may take: a report with many pictures is drawn in one."""


def name_of(ctx: TenantCtx, capability: str) -> str | None:
    """The provider that was chosen, else the first that is on; while it drains, another one that is on.

    :raise PluginUnavailable: it did not start or is not installed, or nobody knows what an enabled one would provide
    """
    plugins, chosen = ctx.app.plugins, ctx.row.plugins.get(f"provider:{capability}")
    if chosen in ctx.enabled and chosen not in plugins.found:
        raise PluginUnavailable(plugin=chosen)
    if first := next(iter(able(ctx, capability)), None):
        if first in plugins.broken:
            raise PluginUnavailable(plugin=first)
        return first
    if unread := ctx.enabled & plugins.broken.keys() - plugins.found.keys():
        raise PluginUnavailable(plugin=min(unread))
    return None


def able(ctx: TenantCtx, capability: str) -> list[str]:
    """Enabled plugins that can provide a capability, the one that is asked first: the chosen one unless it drains."""
    found, chosen = ctx.app.plugins.found, ctx.row.plugins.get(f"provider:{capability}")
    names = [n for n, p in found.items() if n in ctx.enabled and capability in p.provides]
    return sorted(names, key=lambda n: (n in ctx.draining, n != chosen))  # stable: else in start order


def made(ctx: TenantCtx, owner: str, capability: str) -> Any:
    """The provider for one ctx; one from outside is called under the guard."""
    plugins = ctx.app.plugins
    provider = ctx.app.resolve(plugins.house.by_owner[owner].capabilities[capability])(ctx)
    return provider if bundled(plugins.found[owner]) else Guarded(ctx, owner, capability, provider)


class Guarded:
    """A provider that somebody else wrote: its own refusals pass, whatever else it does is its unavailability."""

    def __init__(self, ctx: TenantCtx, owner: str, capability: str, provider: object) -> None:
        self._ctx, self._owner, self._capability, self._provider = ctx, owner, capability, provider

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._provider, name)
        return self._guard(name, value) if callable(value) else value

    def _guard(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **values: Any) -> Any:
            run, place = self._ctx.app.plugins.guard.run, f"{self._capability}.{name}"
            try:
                return run(self._owner, place, lambda: function(*args, **values), seconds=SECONDS, ctx=self._ctx)
            except DomainError:
                raise
            except Exception as error:
                log.exception("provider failed", extra={"plugin": self._owner, "place": place})
                raise PluginUnavailable(plugin=self._owner) from error

        return call
