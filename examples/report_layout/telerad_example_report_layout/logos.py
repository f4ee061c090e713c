"""Keep, find and remove the logo of a hospital."""

from __future__ import annotations

import sqlalchemy as sa

from plugin_sdk.errors import Invalid
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.paper.fonts import RenderFailed
from plugin_sdk.paper.measure import fit
from plugin_sdk.types import Ctx

from .models import Logo

MOST_BYTES = 1024 * 1024


class NoPicture(Invalid):
    sentence = _l("请选择不超过 1 MB 的 PNG 或 JPEG 图像")


def current(ctx: Ctx) -> Logo | None:
    found: Logo | None = ctx.db.scalars(sa.select(Logo)).one_or_none()
    return found


def picture(ctx: Ctx) -> bytes | None:
    logo = current(ctx)
    return ctx.files.read(logo.file_id) if logo else None


def change(ctx: Ctx, data: bytes, *, name: str) -> Logo:
    """Put another logo in place; documents that were saved before keep theirs. :raise NoPicture: not one that prints"""
    try:
        kind = fit("logo", data, 1, 1).name.rpartition(".")[2] if 0 < len(data) <= MOST_BYTES else ""
    except RenderFailed as error:
        raise NoPicture from error
    if not kind:
        raise NoPicture
    kept = ctx.files.keep(data)
    logo = current(ctx) or Logo()
    logo.file_id = ctx.files.put(kept, kind="logo", media="image/png" if kind == "png" else "image/jpeg", name=name)
    logo.name, logo.made_by, logo.made_at = name[:200], ctx.user.id if ctx.user else 0, ctx.now()
    ctx.db.add(logo)
    ctx.db.flush()
    ctx.audit("example_report_layout.logo_changed", ref=f"example_report_layout:logo:{logo.public_id}", sha256=kept.sha256)
    return logo


def remove(ctx: Ctx) -> None:
    """Print without one from now on; nothing to do where there is none."""
    if (logo := current(ctx)) is not None:
        ctx.db.delete(logo)
        ctx.audit("example_report_layout.logo_removed", ref=f"example_report_layout:logo:{logo.public_id}")
