"""Take away what has had its time: expired sessions, old answers, done deliveries."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core import clock
from core.accounts.devices import KEPT
from core.accounts.models import LoginAttempt, LoginSeen, LoginSession, Remember
from core.tenancy.sessions import all_tenants
from core.work import planner
from core.work.models import Delivery, Idempotency, Job, Outbox

if TYPE_CHECKING:
    from core.host.house import Application


def sweep(house: Application) -> None:
    """Sessions and attempts after a day, answers after 7 days, finished work after 30. What gave up stays until somebody
    lets it try again.
    """
    at = clock.now()
    day, week, month = (at - timedelta(days=n) for n in (1, 7, 30))
    unfinished = sa.select(Delivery.outbox_id).where(Delivery.state != "done")
    with all_tenants(write=True) as db:
        for statement in (
            sa.delete(LoginSession).where(LoginSession.expires_at < day),
            sa.delete(Remember).where(Remember.expires_at < at),
            sa.delete(LoginSeen).where(LoginSeen.last_at < at - KEPT),
            sa.delete(LoginAttempt).where(LoginAttempt.at < day),
            sa.delete(Idempotency).where(Idempotency.at < week),
            sa.delete(Job).where(Job.state == "done", Job.done_at < month),
            sa.delete(Outbox).where(Outbox.at < month, Outbox.id.not_in(unfinished)),
        ):
            db.execute(statement.execution_options(synchronize_session=False))
    planner.learn()
