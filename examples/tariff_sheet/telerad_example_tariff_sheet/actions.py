"""Take a sheet in: as a draft to look at, then in force as a new version. Those before it stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from plugin_sdk.errors import Conflict
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Ctx, LinkView

from . import queries
from .models import Line, Tariff
from .pricing import Price


class Ended(Conflict):
    code, sentence = "connection-inactive", _l("与该医院的对接未启用或已结束")


class Overtaken(Conflict):
    code, sentence = "stale-version", _l("上传之后已有人保存了新的价目表，请核对后重新上传")


def draft(ctx: Ctx, link: LinkView, prices: Sequence[Price], *, file_name: str) -> Tariff:
    """Keep a sheet to be looked at; it takes the place of the same person's earlier draft. :raise Ended: the connection is over"""
    if link.state != "active":
        raise Ended
    by, name = (ctx.user.id, ctx.user.name) if ctx.user else (0, "")
    for old in queries.drafts(ctx, link.id, by):
        ctx.db.delete(old)
    current = queries.in_force(ctx, link.id)
    party = {"hospital_id": link.hospital.id, "group_id": link.group.id, "link_id": link.id}
    made = Tariff(
        **party, version=None, base=(current.version or 0) if current else 0, file_name=file_name[:200],
        made_by=by, made_name=name, made_at=ctx.now(),
    )
    ctx.db.add(made)
    ctx.db.flush()
    for price in prices:
        ctx.db.add(Line(**party, tariff_id=made.id, **vars(price)))
    ctx.db.flush()
    return made


def save(ctx: Ctx, link: LinkView, made: Tariff) -> Tariff:
    """Put a draft in force. Doing it twice does it once. :raise Overtaken: another version was saved since the upload"""
    if made.version is not None:
        return made
    current = queries.in_force(ctx, link.id)
    if ((current.version or 0) if current else 0) != made.base:
        raise Overtaken
    try:
        with ctx.db.begin_nested():  # who loses the race loses this row alone, and the page can still be drawn
            made.version, made.made_at = made.base + 1, ctx.now()
            made.made_by, made.made_name = ctx.user.id if ctx.user else 0, ctx.user.name if ctx.user else ""
    except IntegrityError as error:
        raise Overtaken from error
    ctx.audit(
        "example_tariff_sheet.saved", ref=f"example_tariff_sheet:tariff:{made.public_id}", to=link.hospital.code, n=made.version,
        count=len(queries.prices(ctx, made)),
    )
    return made
