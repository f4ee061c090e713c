"""Billing: what a request costs. Its tariff is the group's, one per connected hospital."""

from __future__ import annotations

from plugin_sdk.api import Plugin, Registry, hookimpl
from plugin_sdk.consultation import Charge, Quote, has_open_price
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.i18n import now as _
from plugin_sdk.types import Ctx, Problem

SEE = ("hospital.billing.view", "group.billing.view")


class Billing(Plugin):
    name = "billing"
    title = _l("计费")
    summary = _l("收费设置、申请时的报价和确认报告时的计费")
    provides = ("billing",)
    models = "plugins.billing.models"
    migrations = "bundled"

    def register(self, reg: Registry) -> None:
        reg.permission("group.tariff.manage", _l("收费设置"))
        for code in SEE:
            reg.permission(code, _l("查看费用"))
        reg.capability("billing", "plugins.billing.service:billing")
        reg.invariants("plugins.billing.invariants:check")
        reg.resource("tariff", "plugins.billing.queries:tariff_or_404")
        reg.audit_kind(
            "tariff.changed", _l("修改收费标准"),
            facts={"urgent_percent": _l("加急（百分比）"), "diagnosis_percent": _l("诊断份额（百分比）")},
        )
        reg.audit_kind("charge.made", _l("计费"), facts={"fen": _l("金额（分）"), "tariff": _l("收费标准版本")})
        reg.audit_kind("charge.reversed", _l("冲销费用"))
        reg.blueprint("plugins.billing.views:bp", scope="tenant")
        reg.menu("group", "fees", _l("收费设置"), "fees.index", "group.tariff.manage", after="diagnosis_done", icon="receipt-yuan")
        for code in SEE:
            reg.slot("request.side", "billing/_request.html", load="plugins.billing.parts:of_request", code=code)
        for name in ("requests", "diagnosis.done"):
            reg.column(name, "plugins.billing.parts:fee_column")
        reg.demo("plugins.billing.demo:furnish")

    @hookimpl
    def check_disable(self, ctx: Ctx) -> list[Problem]:
        """A group's open requests keep it: what was agreed on would not be charged."""
        return [Problem(code="agreed-fees", text=_("还有按收费标准提交、尚未确认的申请"))] if has_open_price(ctx, self.name) else []

    @hookimpl
    def price(self, ctx: Ctx, quote: Quote) -> list[Charge]:
        from plugins.billing import actions

        return actions.price(ctx, quote)
