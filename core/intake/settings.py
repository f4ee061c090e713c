"""Limits of what people may upload."""

from __future__ import annotations

from dataclasses import dataclass

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.settings import setting

MB = 1024 * 1024


@dataclass(frozen=True)
class Intake:
    """Limits of the upload page; a file of exactly the limit is refused. Entries of a zip are bound by the zip's only."""

    dcm_max_mb: int = setting(20, _l("单个 dcm 文件应小于（MB）"), least=1, most=4096, lowers=True)
    zip_max_mb: int = setting(500, _l("单个 zip 文件应小于（MB）"), least=1, most=16384, lowers=True)

    def allows(self, kind: str, size: int) -> bool:
        """Tell whether a file of ``kind`` (``dcm`` or ``zip``) may have ``size`` bytes."""
        return size < self.bytes_of(kind)

    def bytes_of(self, kind: str) -> int:
        return (self.zip_max_mb if kind == "zip" else self.dcm_max_mb) * MB
