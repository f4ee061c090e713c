"""Texts put aside: what a writer gave up for another text, findable by that writer alone for 30 days."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from plugin_sdk.errors import Invalid, NotFound
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Ctx
from plugins.consultation.models import Aside, Request
from plugins.consultation.reports import versions
from plugins.consultation.reports.digest import normal
from plugins.consultation.reports.versions import Text
from plugins.consultation.requests import claims, queries
from plugins.consultation.requests.effects import ref

KEPT = timedelta(days=30)
MOST = 20  # per person and request


def keep(ctx: Ctx, row: Request, text: Text) -> Aside | None:
    """Keep a text that is given up; the claim may be lost already. The same text again is the same row, kept anew.

    :return: ``None`` when there is nothing to lose: no text, or the draft has it
    :raise Invalid: too long, or an image that is none of this study
    """
    _group_only(ctx)
    versions.check(text)
    text = Text(
        findings=normal(text.findings), impression=normal(text.impression), positive=text.positive,
        images=_pictures(ctx, row, text.images),
    )
    return None if text == versions.text_of_draft(queries.draft_of(ctx, row.id)) else _put(ctx, row, text)


def keep_draft(ctx: Ctx, row: Request) -> Aside | None:
    """Keep the draft as it stands, which the asker is about to replace by a text that began from an older one."""
    return _put(ctx, row, versions.text_of_draft(queries.draft_of(ctx, row.id)))


def _put(ctx: Ctx, row: Request, text: Text) -> Aside | None:
    if not (text.findings.strip() or text.impression.strip() or text.images) and text.positive is None:
        return None
    kept = _same(ctx, row, text) or _new(ctx, row, text)
    kept.at = ctx.now()
    ctx.db.flush()
    if old := [aside.id for aside in ctx.db.scalars(_mine(ctx, row).offset(MOST))]:
        ctx.db.execute(sa.delete(Aside).where(Aside.id.in_(old)).execution_options(synchronize_session=False))
    ctx.audit("draft.discarded", ref=ref(row))
    return kept


def of_request(ctx: Ctx, row: Request) -> Sequence[Aside]:
    """What the asker put aside here, newest first; of others nothing, and nothing on the hospital's side."""
    if ctx.side != "group":
        return ()
    return ctx.db.scalars(_mine(ctx, row).where(Aside.at > ctx.now() - KEPT).limit(MOST)).all()  # type: ignore[no-any-return]


def forget(ctx: Ctx) -> None:
    """Delete the group's texts whose time is over."""
    _group_only(ctx)
    ctx.db.execute(sa.delete(Aside).where(Aside.at <= ctx.now() - KEPT).execution_options(synchronize_session=False))


def shown(aside: Aside) -> dict[str, Any]:
    return {
        "id": aside.public_id, "at": aside.at.isoformat(), "findings": aside.findings, "impression": aside.impression,
        "positive": aside.positive, "images": list(aside.images),
    }


def _group_only(ctx: Ctx) -> None:
    if ctx.side != "group":
        raise NotFound


def _mine(ctx: Ctx, row: Request) -> sa.Select[Any]:
    return (
        sa.select(Aside).where(Aside.request_id == row.id, Aside.by == claims.me(ctx))
        .order_by(Aside.at.desc(), Aside.id.desc())
    )


def _pictures(ctx: Ctx, row: Request, ids: Sequence[str]) -> tuple[str, ...]:
    """The images by id; where the hospital took the study back the words are kept without them."""
    try:
        known = {view.id for view in ctx.studies.captures(row.study_id)} if ids else set()
    except NotFound:
        return ()
    if not known.issuperset(ids):
        raise Invalid(errors=[{"field": "images", "message": str(_l("图像不存在"))}])
    return tuple(ids)


def _same(ctx: Ctx, row: Request, text: Text) -> Aside | None:
    return ctx.db.scalars(_mine(ctx, row).where(Aside.sha256 == _digest(text))).one_or_none()  # type: ignore[no-any-return]


def _new(ctx: Ctx, row: Request, text: Text) -> Aside:
    made = Aside(
        hospital_id=row.hospital_id, group_id=row.group_id, link_id=row.link_id, request_id=row.id, by=claims.me(ctx),
        findings=text.findings, impression=text.impression, positive=text.positive, images=list(text.images),
        sha256=_digest(text), at=ctx.now(),
    )
    try:
        with ctx.db.begin_nested():
            ctx.db.add(made)
    except IntegrityError:  # sent twice at once: the other one won
        there = _same(ctx, row, text)
        if there is None:
            raise
        return there
    return made


def _digest(text: Text) -> str:
    body = {"findings": text.findings, "impression": text.impression, "positive": text.positive, "images": list(text.images)}
    return hashlib.sha256(rfc8785.dumps(body)).hexdigest()
