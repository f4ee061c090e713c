"""The draft: saved every few seconds, never lost, never moving the request."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from plugin_sdk.errors import StaleDraft
from plugin_sdk.types import Ctx
from plugins.consultation.models import Draft, Request
from plugins.consultation.reports import asides, versions
from plugins.consultation.reports.digest import normal
from plugins.consultation.reports.versions import Text
from plugins.consultation.requests import claims, queries
from plugins.consultation.requests.effects import ref


def save(ctx: Ctx, row: Request, text: Text, *, rev: int, keep_replaced: bool = False) -> Draft:
    """Save what is being written, if nobody saved since ``rev``.

    :param keep_replaced: the text began from an older draft; the one it replaces is put aside for the writer
    :raise ClaimNotMine: lapsed, taken back or never mine
    :raise StaleDraft: carries ``rev``, ``holder`` and ``since`` of what is there now
    """
    claims.need_mine(ctx, row)
    versions.check(text)
    versions.images(ctx, row, text.images)
    draft = queries.draft_of(ctx, row.id)
    if draft is None:
        if rev != 0:
            raise _stale(ctx, row)
        draft = Draft(
            hospital_id=row.hospital_id, group_id=row.group_id, link_id=row.link_id, request_id=row.id, rev=1,
            author=claims.me(ctx), **_values(ctx, text),
        )
        try:
            with ctx.db.begin_nested():
                ctx.db.add(draft)
        except IntegrityError as error:
            raise _stale(ctx, row) from error
        ctx.audit("draft.saved", ref=ref(row))
        return draft
    if keep_replaced and draft.rev == rev:
        asides.keep_draft(ctx, row)
    moved = ctx.db.execute(
        sa.update(Draft)
        .where(Draft.request_id == row.id, Draft.rev == rev)
        .values(rev=Draft.rev + 1, **_values(ctx, text))
        .execution_options(synchronize_session=False)
    ).rowcount
    fresh = queries.draft_of(ctx, row.id)
    assert fresh is not None
    if not moved:
        raise _stale(ctx, row)
    return fresh


def _stale(ctx: Ctx, row: Request) -> StaleDraft:
    fresh = queries.draft_of(ctx, row.id)
    if fresh is None:
        return StaleDraft(rev=0, holder=None, since=None)
    return StaleDraft(rev=fresh.rev, holder=fresh.saved_name, since=fresh.saved_at.isoformat())


def _values(ctx: Ctx, text: Text) -> dict[str, object]:
    return {
        "findings": normal(text.findings),
        "impression": normal(text.impression),
        "positive": text.positive,
        "images": list(text.images),
        "saved_by": claims.me(ctx),
        "saved_name": ctx.user.name if ctx.user else "",
        "saved_at": ctx.now(),
    }
