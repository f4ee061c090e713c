"""Settings of the plugin host."""

from __future__ import annotations

from dataclasses import dataclass, field

from plugin_sdk.i18n import lazy as _l


@dataclass(frozen=True)
class Allowed:
    """What the platform lets one tenant use; the scope's id is the tenant's. ``None``: everything installed."""

    allowed: list[str] | None = field(default=None, metadata={"help": _l("允许使用的插件")})
