"""图表统计 and 表格统计: the same panels, as charts with their numbers folded away, and as tables."""

from __future__ import annotations

import json

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.panels import PanelData
from plugin_sdk.web import ctx, panels, render, requires
from plugins.statistics import periods

bp = Blueprint("statistics", __name__, template_folder="templates")
CODES = ("hospital.statistics.view", "group.statistics.view")


@bp.get("/statistics")
@requires(*CODES)
def index() -> ResponseReturnValue:
    return _page(charts=True)


@bp.get("/statistics/tables")
@requires(*CODES)
def tables() -> ResponseReturnValue:
    return _page(charts=False)


def _page(*, charts: bool) -> str:
    asked = periods.read(ctx, request.args)
    kept = {"days": asked.days} if asked.days else {"from": asked.period.first.isoformat(), "to": asked.period.last.isoformat()}
    tabs = [
        {"label": label, "url": url_for(endpoint, **kept), "active": request.endpoint == endpoint}
        for endpoint, label in (("statistics.index", _l("图表统计")), ("statistics.tables", _l("表格统计")))
    ]
    ranges = [{"days": n, "url": url_for(str(request.endpoint), days=n), "active": asked.days == n} for n in periods.NEWEST]
    return render(
        "statistics/page.html", charts=charts, tabs=tabs, ranges=ranges, period=asked.period,
        panels=[(panel, drawn(panel.data) if charts else "") for panel in panels(asked.period)],
    )


def drawn(data: PanelData | None) -> str:
    """What the page's script draws, as JSON; empty where there is nothing to draw: no row, or zeros alone."""
    if data is None or data.chart == "none" or not any(cell for row in data.rows for cell in row[1:]):
        return ""
    series = [
        {"name": str(column), "data": [row[n] for row in data.rows]} for n, column in enumerate(data.columns) if n
    ]
    return json.dumps({"kind": data.chart, "names": [str(row[0]) for row in data.rows], "series": series}, default=float)
