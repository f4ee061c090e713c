"""Where a tenant wants its notices, and with which key they are signed."""

from __future__ import annotations

from dataclasses import dataclass

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.settings import setting


@dataclass(frozen=True)
class Webhook:
    """``old_secret`` signs beside ``secret`` while the receiver changes over."""

    url: str = setting("", _l("接收通知的网址（https），留空则不推送"))
    secret: str = setting("", _l("签名密钥，至少 32 个字符"), secret=True)
    old_secret: str = setting("", _l("更换密钥期间仍可用的旧密钥"), secret=True)
    kinds: str = setting("", _l("只推送这些通知，以逗号分隔，留空则全部推送"))

    def wants(self, kind: str) -> bool:
        chosen = {word.strip() for word in self.kinds.replace("，", ",").split(",")} - {""}
        return bool(self.url) and (not chosen or kind in chosen)
