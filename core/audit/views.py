"""Home: the operation log of this hospital or group."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from core.accounts.models import Account
from core.audit.models import Audit
from core.web import slots
from plugin_sdk.web import requires

bp = Blueprint("home", __name__)
SHOWN = 50


@bp.get("/")
@requires("hospital.home.view", "group.home.view")
def index() -> ResponseReturnValue:
    """Own entries, or everybody's with the right to see all; 6, 15 or 30 days."""
    days = request.args.get("days", 6, type=int)
    days = days if days in (6, 15, 30) else 6
    stmt = (
        sa.select(Audit, Account.name)
        .join(Account, Account.id == Audit.account_id, isouter=True)
        .where(Audit.chain == "ops", Audit.at > g.ctx.now() - timedelta(days=days))
        .order_by(Audit.at.desc(), Audit.id.desc())
        .limit(SHOWN)
    )
    sees_all = g.ctx.may(f"{g.ctx.side}.log.view_all")
    if not sees_all:
        stmt = stmt.where(Audit.account_id == g.ctx.user.id)
    rows = g.ctx.db.execute(stmt).all()
    return render_template(
        "home.html", rows=rows, kinds=g.house.plugins.house.audit_kinds, days=days, sees_all=sees_all,
        panels=slots.fill(g.ctx, "home.panel"),
    )
