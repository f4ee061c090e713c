"""Show one masked value of a patient to one person, who says why; the log keeps who, which and why, never the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.access import grants
from core.studies.models import Patient, Study
from core.tenancy.sessions import all_tenants
from plugin_sdk.errors import NotFound
from plugin_sdk.reveal import Purpose

if TYPE_CHECKING:
    from core.host.context import TenantCtx

FIELDS: Mapping[str, str] = {"phone": "phone"}
"""What may be asked for, and the patient's column."""


def reveal(ctx: TenantCtx, study_id: int, field: str, *, purpose: Purpose, ref: str) -> str:
    """The whole value. The entry is written first, in the caller's transaction.

    :raise NotFound: the ctx may not see the case, or no such field
    """
    readable = grants.need(ctx, study_id, "case")
    if field not in FIELDS or readable.profile != "identified":
        raise NotFound
    ctx.audit("field.revealed", ref=ref, field=field, purpose=purpose.code, reason=purpose.text)
    column = getattr(Patient, FIELDS[field])
    with all_tenants() as db:
        return str(db.scalar(sa.select(column).join(Study, Study.patient_id == Patient.id).where(Study.id == study_id)) or "")
