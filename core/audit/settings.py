"""Settings of the operation log."""

from __future__ import annotations

from dataclasses import dataclass

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.settings import setting


@dataclass(frozen=True)
class Keeping:
    """How long entries stay in the database. The law asks for six months at least."""

    keep_months: int = setting(36, _l("操作日志在线保存月数，到期后转存为归档文件"), least=6, most=1200)
