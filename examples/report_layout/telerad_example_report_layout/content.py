"""What the sheet says, in order. Labels are fixed Chinese: the same job gives the same document whoever asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from plugin_sdk.consultation import ReportJob
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.paper import qr
from plugin_sdk.paper.fonts import RenderFailed

from .settings import Letterhead

FIELDS = (
    ("姓名", "name"), ("性别", "sex"), ("年龄", "age"), ("检查编号", "accession_number"), ("病人ID", "patient_id"), ("科室", "department"),
    ("检查部位", "body_part"), ("申请医师", "physician"), ("检查时间", "study_time"),
)
ROLES = {"author": "报告医师", "reviewer": "审核医师"}
MOST_IMAGES = 6
MOST_QR = 300
"""Characters of a code that a phone still reads from paper at this size."""


@dataclass(frozen=True, kw_only=True)
class Signer:
    label: str
    name: str
    image: bytes | None


@dataclass(frozen=True, kw_only=True)
class Content:
    """:param marks: what stands in the corner: 未确认, which version it amends; :param left_out: images beyond the sixth"""

    hospital: str
    latin_name: str
    title: str
    marks: Sequence[str]
    fields: Sequence[tuple[str, str]]
    sections: Sequence[tuple[str, str]]
    images: Sequence[tuple[bytes, str]]
    left_out: int
    signers: Sequence[Signer]
    issued: str
    logo: bytes | None
    qr: bytes | None
    qr_caption: str
    running: str
    foot: Sequence[str]
    identity: str

    def texts(self) -> Iterator[str]:
        """Yield every text that comes from outside."""
        yield from (self.hospital, self.latin_name, self.title, self.qr_caption, self.running, self.identity, *self.foot)
        yield from (text for _, text in (*self.fields, *self.sections, *self.images))
        yield from (signer.name for signer in self.signers)


def compose(job: ReportJob, head: Letterhead, logo: bytes | None) -> Content:
    """:raise RenderFailed: the text of the QR code is too long to be read from paper"""
    report, patient = job.report, job.patient
    by = f"由 {job.group} 远程诊断" if job.group else ""
    return Content(
        hospital=job.hospital,
        latin_name=head.latin_name,
        title=f"{patient.modality} {head.title}".strip(),
        marks=["未确认"] * (not job.confirmed) + ([f"修改自第 {job.amended_from} 版"] if job.amended_from else []),
        fields=[(label, getattr(patient, key) or "-") for label, key in FIELDS],
        sections=[("影像所见", report.findings), ("诊断意见", report.impression)],
        images=[(data, f"图 {n}　{caption}".rstrip()) for n, (data, caption) in enumerate(job.images[:MOST_IMAGES], 1)],
        left_out=max(len(job.images) - MOST_IMAGES, 0),
        signers=[Signer(label=ROLES[s.role], name=s.name, image=s.image) for s in job.signatures],
        issued=_local(job, report.sealed_at or job.written_at),
        logo=logo,
        qr=_code(job, head),
        qr_caption=head.qr_caption,
        running=" · ".join(filter(None, (job.hospital, patient.name or "未知", patient.patient_id, patient.accession_number))),
        foot=[line for line in (job.footer or "本报告仅供临床医师参考，签名后生效。", " · ".join(filter(None, (by, head.contact)))) if line],
        identity=f"申请 {job.request.public_id} · 第 {report.n} 版 · 校验值 {_check(job)}",
    )


def _code(job: ReportJob, head: Letterhead) -> bytes | None:
    if not head.qr_text.strip() or ("{link}" in head.qr_text and not job.link_url):
        return None
    text = head.qr_text
    for word, value in (("link", job.link_url), ("request", job.request.public_id), ("version", str(job.report.n)), ("check", _check(job))):
        text = text.replace(f"{{{word}}}", value)
    if len(text) > MOST_QR:
        raise RenderFailed(_l("二维码内容过长"))
    return qr.png(text)


def _check(job: ReportJob) -> str:
    """The first 64 bits of the report's digest."""
    digest = job.report.sha256[:16].upper()
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4)) or "-"


def _local(job: ReportJob, at: datetime | None) -> str:
    return at.astimezone(ZoneInfo(job.zone)).strftime("%Y-%m-%d %H:%M") if at else ""
