"""Signed webhooks: a channel that posts each notice to an address of the tenant's."""

from __future__ import annotations

from plugin_sdk.api import Plugin, Registry
from plugin_sdk.i18n import lazy as _l


class SignedWebhooks(Plugin):
    name = "example_signed_webhooks"
    title = _l("签名回调")
    summary = _l("把本机构的通知推送到指定网址，并附签名")
    settings = {"tenant": "telerad_example_signed_webhooks.settings:Webhook"}

    def register(self, reg: Registry) -> None:
        reg.channel("notify", "example_signed_webhooks.post", "telerad_example_signed_webhooks.channel:Post")
