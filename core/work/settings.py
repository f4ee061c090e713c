"""Settings of work that outlives a request."""

from __future__ import annotations

from dataclasses import dataclass

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.settings import setting


@dataclass(frozen=True)
class Work:
    export_hours: int = setting(24, _l("导出的文件保留的小时数"), least=1, most=720)
