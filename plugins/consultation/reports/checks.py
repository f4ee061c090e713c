"""Ask the group's plugins about a text before it leaves a reader's hands."""

from __future__ import annotations

from collections.abc import Sequence

from plugin_sdk.consultation import Draft, Finding
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Ctx
from plugins.consultation.models import Request
from plugins.consultation.reports.versions import Text
from plugins.consultation.requests.present import view_of


class CheckFailed(DomainError):
    code, sentence = "check-failed", _l("报告检查未通过")


def findings(ctx: Ctx, row: Request, text: Text) -> Sequence[Finding]:
    """What plugins remark, worst first."""
    draft = Draft(
        request=view_of(ctx, row), findings=text.findings, impression=text.impression, positive=text.positive,
        images=tuple(text.images),
    )
    order = {"error": 0, "warning": 1, "note": 2}
    found: list[Finding] = ctx.hooks.check_report(ctx, draft)
    return sorted(found, key=lambda f: order[f.level])


def check_report(ctx: Ctx, row: Request, text: Text) -> None:
    """:raise CheckFailed: a plugin found an error; carries all findings"""
    found = findings(ctx, row, text)
    if any(f.level == "error" for f in found):
        raise CheckFailed(findings=[{"level": f.level, "code": f.code, "text": f.text} for f in found])
