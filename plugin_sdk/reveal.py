"""Why somebody asks for a masked value: a word of ours, or words of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import Invalid
from .i18n import LazyText
from .i18n import lazy as _l

PURPOSES: Mapping[str, LazyText] = {
    "treatment": _l("诊疗需要"), "contact": _l("联系患者"), "identity": _l("核对身份"), "other": _l("其他"),
}
FIELDS: Mapping[str, LazyText] = {"phone": _l("手机号")}
MOST = 100
LEAST = 2


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """A key of ``PURPOSES``; ``text`` says more, and must with ``other``."""

    code: str
    text: str = ""


class NoPurpose(Invalid):
    sentence = _l("请选择用途，选择“其他”时请写明")


def read(form: Mapping[str, str]) -> Purpose:
    """:raise NoPurpose: none chosen, or ``other`` without words"""
    code, text = form.get("purpose", ""), form.get("reason", "").strip()[:MOST]
    if code not in PURPOSES or (code == "other" and len(text) < LEAST):
        raise NoPurpose
    return Purpose(code=code, text=text)
