"""The printed report: what a renderer needs, and the PDF rows of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response

from plugin_sdk.capabilities import ReportRenderer
from plugin_sdk.consultation import PatientFacts, ReportJob, Signature, State
from plugin_sdk.errors import Conflict, DomainError, NotFound, StaleVersion
from plugin_sdk.events import ReportAdjusted, ReportConfirmed
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Ctx, Kept
from plugin_sdk.words import SEX
from plugins.consultation.models import Document, ReportVersion, Request
from plugins.consultation.reports import versions
from plugins.consultation.requests import queries
from plugins.consultation.requests.effects import ref
from plugins.consultation.requests.present import report_view
from plugins.consultation.settings import Connection


class NoRenderer(DomainError):
    status, code, sentence = 503, "unavailable", _l("报告模板未启用")


class ReportBroken(Conflict):
    sentence = _l("报告内容与签发时不一致，已停止输出，请联系管理员")


def job_of(ctx: Ctx, row: Request, version: ReportVersion) -> ReportJob:
    """Collect a report for printing. The sealed text's digest is computed again first.

    :raise ReportBroken: the stored text is not what was signed
    """
    if not versions.holds(ctx, row, version):
        raise ReportBroken
    view = report_view(ctx, row, version)
    hospital = ctx if ctx.side == "hospital" else ctx.at(row.link_id)
    study = hospital.studies.facts(row.study_id)
    pictures = ctx.studies.captures(row.study_id, [i["id"] for i in version.images]) if version.images else []
    before = queries.versions_of(ctx, row.id)
    amended = [v for v in before if v.sealed_at is not None and v.n < version.n]
    return ReportJob(
        request=view.request,
        report=view,
        patient=PatientFacts(
            name=study.name, sex=str(SEX.get(study.sex, "")), age=study.age, patient_id=study.patient_id,
            accession_number=study.accession_number, modality="/".join(study.modalities),
            body_part=row.part_names or study.body_part, study_time=study.study_at[:16], department=study.department,
            physician=study.physician, birth_date=study.birth_date,
        ),
        hospital=row.hospital_name,
        group=row.group_name,
        signatures=_signatures(ctx, version, view),
        images=[(picture_bytes(ctx, row, p.id), p.caption) for p in pictures],
        link_url=ctx.address(f"/t/{hospital.tenant.code}/requests/{row.public_id}"),
        link_login=True,
        amended_from=amended[-1].n if amended and row.adjusted_at is not None else None,
        written_at=version.written_at,
        footer=ctx.settings(Connection, scope_id=row.link_id).report_footer,
        zone=hospital.tenant.zone,
        confirmed=row.state is State.CONFIRMED,
    )


def _signatures(ctx: Ctx, version: ReportVersion, view: Any) -> list[Signature]:
    return [
        Signature(role="author", name=view.author.name if view.author else "", image=ctx.users.signature(version.author),
                  at=version.written_at),
        Signature(role="reviewer", name=view.reviewer.name if view.reviewer else "",
                  image=ctx.users.signature(version.reviewer or 0), at=version.sealed_at),
    ]


def picture_bytes(ctx: Ctx, row: Request, capture_id: str) -> bytes:
    data, _ = ctx.studies.read_capture(row.study_id, capture_id)
    return data


def pdf(ctx: Ctx, row: Request) -> bytes:
    """The saved or prepared document, else the default layout made now. Changes nothing.

    :raise NotFound: nothing was signed; :raise NoRenderer: no renderer is on
    """
    document = queries.document_of(ctx, row.id)
    hospital = ctx if ctx.side == "hospital" else ctx.at(row.link_id)
    if document is not None and document.version_n == row.sealed_version:
        return hospital.files.read(document.file_id)
    return render(ctx, row)


def response(data: bytes, name: str, *, inline: bool) -> Response:
    """A PDF as an answer; its name carries no patient data."""
    how = "inline" if inline else "attachment"
    return Response(
        data, mimetype="application/pdf", headers={"Content-Disposition": f'{how}; filename="report-{name}.pdf"'}
    )


def render(ctx: Ctx, row: Request) -> bytes:
    version = queries.sealed_of(ctx, row.id)
    if version is None:
        raise NotFound
    return _renderer(ctx, row).render(job_of(ctx, row, version))


def _renderer(ctx: Ctx, row: Request) -> ReportRenderer:
    """The hospital's: a report is its document, whoever looks at it. :raise NoRenderer: none is on there"""
    hospital = ctx if ctx.side == "hospital" else ctx.at(row.link_id)
    renderer = hospital.get(ReportRenderer)
    if renderer is None:
        raise NoRenderer
    return renderer


def preview(ctx: Ctx, row: Request) -> str:
    """The report as HTML for the screen, from the same content as the print."""
    version = queries.sealed_of(ctx, row.id)
    if version is None:
        raise NotFound
    return _renderer(ctx, row).preview(job_of(ctx, row, version))


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A PDF of a sealed version; made before any transaction, because drawing and the disk take their time."""

    n: int
    data: bytes
    kept: Kept | None = None


def draw(seen: Ctx, row: Request, *, keep: bool) -> Drawn:
    """Make the PDF with a reading ctx. :param keep: also make its bytes durable in the hospital's store"""
    data = pdf(seen, row)
    return Drawn(n=row.sealed_version or 0, data=data, kept=seen.files.keep(data) if keep else None)


def attach(ctx: Ctx, row: Request, drawn: Drawn, *, state: str) -> Document:
    """Name a kept PDF as the request's live document (``preview`` or ``saved``).

    :raise StaleVersion: another version was sealed since it was drawn
    """
    assert drawn.kept is not None
    if row.sealed_version != drawn.n:
        raise StaleVersion
    document = queries.document_of(ctx, row.id)
    if document is None:
        document = Document(
            hospital_id=row.hospital_id, group_id=row.group_id, link_id=row.link_id, request_id=row.id,
            version_n=row.sealed_version or 0, state="preview", made_at=ctx.now(),
        )
        ctx.db.add(document)
    if not document.file_id or document.version_n != row.sealed_version:
        document.version_n, document.sha256 = drawn.n, drawn.kept.sha256
        document.file_id = ctx.files.put(
            drawn.kept, kind="report", media="application/pdf", name="report.pdf", study_id=row.study_id
        )
    if state == "saved" and document.state != "saved":
        document.state, document.saved_at = "saved", ctx.now()
        ctx.audit("report.saved", ref=ref(row), n=document.version_n, sha256=document.sha256)
    ctx.db.flush()
    return document


def on_confirmed(ctx: Ctx, event: ReportConfirmed | ReportAdjusted) -> None:
    """After a confirmation, or an adjustment of a confirmed report, a job makes the PDF in the hospital's store."""
    row = queries.by_id(ctx, event.request_id)
    hospital = ctx if ctx.side == "hospital" else ctx.at(row.link_id)
    hospital.enqueue("consultation.render", request=row.id)


def render_job(ctx: Ctx, *, request: int) -> None:
    """Make the preview PDF, unless there is one or the report is gone again. Rendering holds no lock."""
    with ctx.reading() as seen:
        row = queries.by_id(seen, request)
        existing = queries.document_of(seen, row.id)
        there = existing is not None and existing.version_n == row.sealed_version
        if row.state is not State.CONFIRMED or there or seen.get(ReportRenderer) is None:
            return
        drawn = draw(seen, row, keep=True)
    row = queries.by_id(ctx, request)
    if row.sealed_version == drawn.n and row.state is State.CONFIRMED:
        attach(ctx, row, drawn, state="preview")
