"""Provider of the ``consultations`` capability: what other plugins may ask of requests."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from plugin_sdk.consultation import (
    Actor,
    Event,
    ReportView,
    RequestPage,
    RequestQuery,
    RequestRef,
    RequestView,
    Terms,
)
from plugin_sdk.types import Ctx
from plugins.consultation.models import ReportVersion, Request
from plugins.consultation.requests import create, queries
from plugins.consultation.requests.present import report_view, view_of
from plugins.consultation.requests.transition import advance


class ConsultationService:
    """Implements :class:`plugin_sdk.consultation.Consultations` for one ctx."""

    def __init__(self, ctx: Ctx) -> None:
        self.ctx = ctx

    def get(self, public_id: str) -> RequestView:
        return view_of(self.ctx, queries.ref_or_404(self.ctx, public_id))

    def of_studies(self, ids: Collection[int]) -> Mapping[int, Sequence[RequestView]]:
        found = queries.of_studies(self.ctx, ids)
        return {study: [view_of(self.ctx, r) for r in rows] for study, rows in found.items()}

    def report(self, ref: RequestRef, n: int | None = None) -> ReportView | None:
        """A numbered version, or the one in force; ``None`` when there is none."""
        row = queries.by_id(self.ctx, ref.id)
        if n is None:
            version = queries.sealed_of(self.ctx, row.id)
        else:
            version = self.ctx.db.scalars(
                sa.select(ReportVersion).where(ReportVersion.request_id == row.id, ReportVersion.n == n)
            ).one_or_none()
        return report_view(self.ctx, row, version) if version is not None else None

    def find(self, q: RequestQuery) -> RequestPage:
        stmt = sa.select(Request).order_by(Request.id.desc()).limit(q.limit + 1)
        filters: list[Any] = []
        if q.ids:
            filters.append(Request.id.in_(q.ids))
        if q.states:
            filters.append(Request.state.in_(q.states))
        if q.study_ids:
            filters.append(Request.study_id.in_(q.study_ids))
        if q.priced:
            filters.append(Request.quote.is_not(None))
        if q.since:
            filters.append(Request.requested_at >= q.since)
        if q.until:
            filters.append(Request.requested_at < q.until)
        if q.after:
            filters.append(Request.id < queries.ref_or_404(self.ctx, q.after).id)
        rows = self.ctx.db.scalars(stmt.where(*filters)).all()
        shown = rows[: q.limit]
        return RequestPage(
            items=[view_of(self.ctx, r) for r in shown],
            next=shown[-1].public_id if len(rows) > q.limit else None,
        )

    def request(self, study_id: int, terms: Terms, *, by: Actor) -> RequestView:
        row = create.request(self.ctx, self.ctx.studies.facts(study_id).public_id, terms)
        return view_of(self.ctx, row)

    def advance(
        self, ref: RequestRef, event: Event, *, version: int, by: Actor, reason: str = ""
    ) -> RequestView:
        row = queries.by_id(self.ctx, ref.id)
        advance(self.ctx, row, event, version=version, reason=reason, system=by.side == "system")
        return view_of(self.ctx, row)


def consultations(ctx: Ctx) -> ConsultationService:
    return ConsultationService(ctx)
