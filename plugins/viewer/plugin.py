"""The OHIF viewer as a plugin: what shows an opening's images."""

from __future__ import annotations

from plugin_sdk.api import Plugin, Registry
from plugin_sdk.i18n import lazy as _l


class Viewer(Plugin):
    name = "viewer"
    title = _l("阅片")
    summary = _l("在浏览器中查看检查的影像")
    provides = ("viewer",)

    def register(self, reg: Registry) -> None:
        reg.blueprint("plugins.viewer.views:bp", scope="public")
        reg.capability("viewer", "plugins.viewer.provider:provider")
