"""What a hospital decides about its sheet; the logo is a file and has a page of its own."""

from __future__ import annotations

from dataclasses import dataclass

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.settings import setting

COLOURS = {"blue": ("#1b5a9e", "#eef3f9"), "green": ("#1c7150", "#eef6f1"), "red": ("#9c3434", "#faf1f0")}
"""Rules and headings, and the ground of boxes."""


@dataclass(frozen=True)
class Letterhead:
    """``qr_text`` may name ``{link} {request} {version} {check}``; empty prints no code."""

    latin_name: str = setting("", _l("医院英文名称，印在院名下方"))
    title: str = setting("检查报告单", _l("报告名称"))
    colour: str = setting("blue", _l("版式颜色"), choices=tuple(COLOURS))
    contact: str = setting("", _l("页脚的地址与电话"))
    qr_text: str = setting("{link}", _l("二维码内容，可用 {link} {request} {version} {check}，留空则不打印"))
    qr_caption: str = setting("扫码查看报告", _l("二维码下方的文字"))
