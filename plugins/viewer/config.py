"""The viewer's app-config.js: our script with the sentences of the page's language put in front."""

from __future__ import annotations

import json
from pathlib import Path

from plugin_sdk.i18n import now as _

SCRIPT = Path(__file__).parent / "extension" / "app-config.js"
LANGUAGE = "zh"  # a language of the viewer's own, used until somebody chooses another in its settings


def texts() -> dict[str, str]:
    """Everything that our part of the viewer says."""
    return {
        "title": _("影像"),
        "keyImage": _("关键图像"),
        "keyImageTip": _("将当前图像加入报告的相关资源（K 或 F6）"),
        "keySeries": _("关键序列（Shift+K 或 F7）"),
        "kept": _("已加入相关资源"),
        "refused": _("未能保存图像"),
        "noReport": _("没有打开的报告，图像未保存"),
        "noAnswer": _("报告页面没有应答，图像未保存"),
        "noImage": _("当前窗口没有影像"),
        "noCapture": _("当前窗口的影像无法截取"),
        "sessionEnds": _("长时间无操作，即将自动退出登录"),
        "stay": _("继续使用"),
        "accessEnded": _("影像访问已失效，请关闭后重新打开"),
    }


def app_config_js() -> str:
    """Write the configuration. It is the same for everybody: the script reads the opening from the address."""
    data = json.dumps({"language": LANGUAGE, "texts": texts()})
    return f"window.telerad = {data};\n{SCRIPT.read_text('utf-8')}"
