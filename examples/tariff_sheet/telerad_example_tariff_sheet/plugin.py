"""Tariff sheet: a group's prices for each hospital come from an Excel sheet, in the place of the bundled fees."""

from __future__ import annotations

from plugin_sdk.api import Plugin, Registry, hookimpl
from plugin_sdk.consultation import Charge, Quote, has_open_price
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.types import Ctx, Problem

HERE = "telerad_example_tariff_sheet"
MANAGE, SEE = "group.example_tariff_sheet.manage", "hospital.example_tariff_sheet.view"


class TariffSheet(Plugin):
    name = "example_tariff_sheet"
    title = _l("价目表")
    summary = _l("每家医院的价格由 Excel 表格导入，先核对后生效")
    api = (1, 1)
    provides = ("billing",)
    models = f"{HERE}.models"
    migrations = f"{HERE}.migrations"

    def register(self, reg: Registry) -> None:
        reg.permission(MANAGE, _l("价目表管理"))
        reg.permission(SEE, _l("查看价目表"), roles=("doctor",))
        reg.capability("billing", f"{HERE}.service:provider")
        reg.resource("example_tariff_sheet_tariff", f"{HERE}.queries:tariff_or_404")
        reg.blueprint(f"{HERE}.views:bp", scope="tenant")
        reg.menu("group", "example_tariff_sheet", _l("价目表"), "example_tariff_sheet.index", MANAGE, icon="table")
        reg.menu("hospital", "example_tariff_sheet", _l("价目表"), "example_tariff_sheet.index", SEE, icon="table")
        reg.audit_kind("example_tariff_sheet.saved", _l("导入价目表"))
        reg.audit_kind("example_tariff_sheet.charged", _l("按价目表计费"))
        reg.audit_kind("example_tariff_sheet.reversed", _l("冲销价目表费用"))

    @hookimpl
    def check_disable(self, ctx: Ctx) -> list[Problem]:
        """A group's open requests keep it: what was agreed on would not be charged."""
        return [Problem(code="agreed-fees", text=_("还有按本价目表提交、尚未确认的申请"))] if has_open_price(ctx, self.name) else []

    @hookimpl
    def price(self, ctx: Ctx, quote: Quote) -> list[Charge]:
        from .charges import price

        return price(ctx, quote)
