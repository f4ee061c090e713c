"""Numbered report texts: written by saving and by each hand-over, sealed by signing, never changed but in status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from plugin_sdk.consultation import VersionStatus
from plugin_sdk.errors import DomainError, Invalid, NotFound
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Ctx
from plugins.consultation.models import Draft, ReportVersion, Request
from plugins.consultation.reports import digest
from plugins.consultation.requests import queries

MOST_CHARACTERS = 20_000
MOST_IMAGES = 20


class ReportEmpty(DomainError):
    code, sentence = "report-empty", _l("影像表现和印象不能为空")


class ReportChanged(DomainError):
    status, code, sentence = 409, "stale-version", _l("报告与显示的内容不一致，请刷新后再确认")


@dataclass(frozen=True, kw_only=True)
class Text:
    """What a report says. ``images`` are capture ids in order."""

    findings: str = ""
    impression: str = ""
    positive: bool | None = None
    images: Sequence[str] = field(default_factory=tuple)

    @property
    def is_empty(self) -> bool:
        return not self.findings.strip() or not self.impression.strip()


def text_of_draft(draft: Draft | None) -> Text:
    if draft is None:
        return Text()
    return Text(
        findings=draft.findings, impression=draft.impression, positive=draft.positive, images=tuple(draft.images)
    )


def check(text: Text) -> None:
    """:raise Invalid: longer than 20,000 characters a field, or more than 20 images"""
    for name in ("findings", "impression"):
        if len(getattr(text, name)) > MOST_CHARACTERS:
            raise Invalid(errors=[{"field": name, "message": str(_l("最多 20000 字"))}])
    if len(text.images) > MOST_IMAGES:
        raise Invalid(errors=[{"field": "images", "message": str(_l("最多 20 幅图像"))}])


def images(ctx: Ctx, row: Request, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The captures as the digest and the print need them. :raise Invalid: one is no capture of this study"""
    if not ids:
        return []
    try:
        views = ctx.studies.captures(row.study_id, ids)
    except NotFound as error:
        raise Invalid(errors=[{"field": "images", "message": str(_l("图像不存在"))}]) from error
    return [{"id": v.id, "sha256": v.sha256, "sop": v.sop, "frame": v.frame, "caption": v.caption} for v in views]


def write(
    ctx: Ctx, row: Request, text: Text, *, status: VersionStatus, author: int, reason: str = ""
) -> ReportVersion:
    """Write a numbered version, unless the last one has this text and may still change its status."""
    last = queries.last_version(ctx, row.id)
    pictures = images(ctx, row, text.images)
    open_last = last is not None and last.status in (VersionStatus.DRAFT, VersionStatus.IN_REVIEW)
    if last is not None and open_last:
        same = (last.findings, last.impression, last.positive, last.images) == (
            digest.normal(text.findings), digest.normal(text.impression), text.positive, pictures,
        )
        if same and last.author == author:
            last.status = status
            last.reason = reason or last.reason
            ctx.db.flush()
            return last
        if last.status is VersionStatus.IN_REVIEW:
            last.status = VersionStatus.DRAFT
            ctx.db.flush()
    version = ReportVersion(
        hospital_id=row.hospital_id, group_id=row.group_id, link_id=row.link_id, request_id=row.id,
        n=last.n + 1 if last else 1, status=status, findings=digest.normal(text.findings),
        impression=digest.normal(text.impression), positive=text.positive, images=pictures, author=author,
        written_at=ctx.now(), reason=reason or (last.reason if last is not None and open_last else ""),
    )
    ctx.db.add(version)
    ctx.db.flush()
    return version


def seal(ctx: Ctx, row: Request, version: ReportVersion, *, reviewer: int) -> ReportVersion:
    """Sign: the text is fixed, its digest covers the images it is about and the version sealed before."""
    before = queries.last_sealed(ctx, row.id)
    current = queries.sealed_of(ctx, row.id)
    if current is not None:
        current.status = VersionStatus.SUPERSEDED
        ctx.db.flush()
    uids = ctx.at(row.link_id).studies.instance_uids(row.study_id)
    people = ctx.users.views([version.author, reviewer])
    version.sealed_at = ctx.signing_time()
    version.reviewer = reviewer
    version.prev_sha256 = before.sha256 if before else ""
    version.sop_set = digest.sop_set(uids)
    version.status = VersionStatus.SEALED
    version.sha256 = compute(
        row, version, author=people[version.author].public_id, reviewer=people[reviewer].public_id
    )
    row.sealed_version = version.n
    ctx.db.flush()
    return version


def compute(row: Request, version: ReportVersion, *, author: str, reviewer: str) -> str:
    assert version.sealed_at is not None
    return digest.of_report(
        request=row.public_id, n=version.n, study=row.study_public_id, findings=version.findings,
        impression=version.impression, positive=version.positive, images=version.images, author=author,
        reviewer=reviewer, sealed_at=version.sealed_at, sop_set=version.sop_set, reason=version.reason,
        prev=version.prev_sha256 or None,
    )


def holds(ctx: Ctx, row: Request, version: ReportVersion) -> bool:
    """Whether a sealed text is still what was signed."""
    people = ctx.users.views([version.author, version.reviewer or 0])
    return version.reviewer is not None and version.sha256 == compute(
        row, version, author=people[version.author].public_id, reviewer=people[version.reviewer].public_id
    )
