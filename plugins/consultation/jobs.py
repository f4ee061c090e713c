"""What consultation does by itself: free claims that ran out; at night check the projection, forget texts put aside."""

from __future__ import annotations

import logging
from typing import Any

import sqlalchemy as sa

from plugin_sdk.consultation import CLAIMABLE, Event, State
from plugin_sdk.errors import Conflict
from plugins.consultation.models import Aside, Request
from plugins.consultation.reports import asides
from plugins.consultation.requests import queries
from plugins.consultation.requests.transition import advance

log = logging.getLogger(__name__)


def lapse_claims(house: Any) -> None:
    """Free every claim past its time; the draft becomes a numbered version. One transaction each."""
    for group_id, request_id in house.scan(
        sa.select(Request.group_id, Request.id).where(
            Request.claim_user.is_not(None), Request.claim_until < house.now(), Request.state.in_(CLAIMABLE)
        )
    ):
        with house.system_ctx(group_id) as ctx:
            row = queries.by_id(ctx, request_id)
            if row.claim_until is None or row.claim_until > ctx.now():
                continue
            try:
                advance(ctx, row, Event.LAPSE, version=row.version, system=True)
            except Conflict:
                ctx.rollback()
                log.info("claim moved while it lapsed", extra={"request_id": request_id})
    for group_id, request_id in house.scan(
        sa.select(Request.group_id, Request.id).where(
            Request.claim_user.is_not(None), Request.claim_until < house.now(), Request.state == State.CONFIRMED
        )
    ):
        with house.system_ctx(group_id) as ctx:
            ctx.db.execute(
                sa.update(Request)
                .where(Request.id == request_id, Request.claim_until < ctx.now())
                .values(claim_user=None, claim_until=None, claim_seen=None, claim_name="")
                .execution_options(synchronize_session=False)
            )


def verify_status(house: Any) -> None:
    """Compare the stored status of studies that have requests with what the requests say; mend and log differences."""
    for hospital_id, study_id in house.scan(sa.select(Request.hospital_id, Request.study_id).distinct()):
        with house.system_ctx(hospital_id) as ctx:
            said, stored = queries.status_of_study(ctx, study_id), ctx.studies.facts(study_id).status
            if said != stored:
                log.error("study status differed", extra={"study_id": study_id, "status": stored})
                ctx.studies.set_status(study_id, said)


def sweep(house: Any) -> None:
    """Delete texts that were put aside 30 days ago, group by group."""
    for (group_id,) in house.scan(sa.select(Aside.group_id).where(Aside.at <= house.now() - asides.KEPT).distinct()):
        with house.system_ctx(group_id) as ctx:
            asides.forget(ctx)
