"""When the last good backup was made and the last drill passed, and whether that is too long ago."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from core import clock
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work.models import Lease
from plugin_sdk.i18n import lazy as _l

VERIFIED, PASSED = "backup.verified", "backup.drill"
"""Leases that remember the last good backup and the last drill that passed."""
OLD = timedelta(days=8)


@dataclass(frozen=True)
class Standing:
    """:ivar good: done in the last 8 days, or the house is younger than that; :ivar at: when it was last done, in UTC"""

    good: bool
    at: datetime | None


def standing(name: str) -> Standing:
    """How a drill (``PASSED``) or a good backup (``VERIFIED``) stands."""
    with all_tenants() as session:
        row = session.get(Lease, name)
        first = session.scalar(sa.select(sa.func.min(Tenant.created_at)))
    last = row.ran_at if row is not None else None
    since = last or first
    return Standing(since is None or clock.now() - since < OLD, last)


def named() -> list[tuple[object, datetime | None, str]]:
    """What the pages of operators say in red until it is done: its name, when it was last done, and the command."""
    each = (
        (VERIFIED, _l("8 天内没有完整的备份"), "telerad backup create"), (PASSED, _l("8 天内没有通过恢复演练"), "telerad drill"),
    )
    return [(title, found.at, command) for name, title, command in each if not (found := standing(name)).good]


def drill_state() -> tuple[bool, str]:
    """How the drill stands, for the doctor."""
    found = standing(PASSED)
    return found.good, f"passed {found.at:%Y-%m-%d %H:%M} UTC" if found.at else "no drill yet: telerad drill"


def backup_state() -> tuple[bool, str]:
    """How the last good backup stands, for the doctor."""
    found = standing(VERIFIED)
    return found.good, f"{found.at:%Y-%m-%d %H:%M} UTC" if found.at else "none yet: telerad backup create FOLDER"
