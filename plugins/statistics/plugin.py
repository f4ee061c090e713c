"""数据统计: where panels of plugins are shown, and the panel of studies received."""

from __future__ import annotations

from plugin_sdk.api import Plugin, Registry
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.panels import Panel


class Statistics(Plugin):
    name = "statistics"
    title = _l("数据统计")
    summary = _l("以图表和表格统计影像、申请和其他插件的数据")

    def register(self, reg: Registry) -> None:
        reg.permission("hospital.statistics.view", _l("查看统计"), roles=("doctor",))
        reg.permission("group.statistics.view", _l("查看统计"), roles=("reviewer",))
        reg.blueprint("plugins.statistics.views:bp", scope="tenant")
        reg.menu("hospital", "statistics", _l("数据统计"), "statistics.index", "hospital.statistics.view", icon="chart-bar")
        reg.menu("group", "statistics", _l("数据统计"), "statistics.index", "group.statistics.view", icon="chart-bar")
        reg.panel("statistics.received", Panel(
            title=_l("影像接收量"), codes=("hospital.statistics.view",), load="plugins.statistics.received:load"
        ))
