"""What consultation adds to studies: in their list and on their page."""

from __future__ import annotations

from typing import Any

from flask import url_for

from plugin_sdk.i18n import lazy as _l
from plugin_sdk.lists import RowAction
from plugin_sdk.types import Ctx
from plugins.consultation.requests import queries


def start_action() -> RowAction:
    """In the study list: ask for a report."""
    return RowAction(
        key="start", label=_l("发起诊断"), code="hospital.request.create", verb=True, method="dialog",
        url=lambda r: url_for("start.dialog", id=r.public_id), show=lambda r: r.status == "normal",
        when=lambda r: r.locked_by is None and r.complete_at is not None,
        reason=lambda r: _l("检查已锁定") if r.locked_by is not None else _l("检查仍在接收，完成后再申请"),
    )


def show_action() -> RowAction:
    """In the study list: go to the request of a requested or completed study."""
    return RowAction(
        key="show_request", label=_l("查看申请"), code="hospital.request.list", verb=True,
        url=lambda r: url_for("requests.index", data_id=r.public_id), show=lambda r: r.status in ("requested", "completed"),
    )


def of_study(ctx: Ctx, *, study: Any) -> dict[str, Any]:
    """What the study's page offers: start a diagnosis, or see its requests."""
    return {"requests": queries.of_studies(ctx, [study.id]).get(study.id, ())}
