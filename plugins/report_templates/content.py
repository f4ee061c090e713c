"""What a report says, in order: everything is text by now, nothing is laid out yet.

The labels are fixed Chinese, not interface strings: the same job must give the same document whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from plugin_sdk.consultation import ReportJob, Signature
from plugin_sdk.paper import qr

from .layout import FIELDS, Layout

UNKNOWN = "未知"
NOT_SAID = {"department": "-", "physician": "-"}
ROLES = {"author": "报告医师", "reviewer": "审核医师"}
STAMPS = {"connection": "签章", "hospital": "医院签章"}
DISCLAIMER = "本报告仅供临床医师参考，签名后生效。"
UNCONFIRMED = "未确认"


@dataclass(frozen=True, kw_only=True)
class Section:
    heading: str
    text: str
    strong: bool = False


@dataclass(frozen=True, kw_only=True)
class Signer:
    """:param note: printed small below the image: who really signed, and whose stamp it is"""

    label: str
    name: str
    image: bytes | None
    note: str


@dataclass(frozen=True, kw_only=True)
class Content:
    """:param running: what tells the patient on each further page
    :param amended: which version this one replaces; empty for a first version
    :param left_out: key images beyond the layout's limit
    """

    hospital: str
    title: str
    by: str
    amended: str
    confirmed: bool
    fields: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    images: Sequence[tuple[bytes, str]]
    left_out: int
    signers: Sequence[Signer]
    same_signer: bool
    times: Sequence[tuple[str, str]]
    logo: bytes | None
    qr: bytes | None
    link_title: str
    validity: str
    running: str
    disclaimer: str
    identity: str

    def texts(self) -> Iterator[str]:
        """Yield every text that comes from outside, in reading order."""
        yield from (self.hospital, self.title, self.by)
        yield from (value for _, value in self.fields)
        for section in self.sections:
            yield from (section.heading, section.text)
        yield from (caption for _, caption in self.images)
        for signer in self.signers:
            yield from (signer.name, signer.note)
        yield from (self.running, self.disclaimer, self.identity)


def compose(job: ReportJob, layout: Layout) -> Content:
    """Choose and word what `layout` wants to show of `job`."""
    shown = job.images[: layout.max_images] if layout.show_images else ()
    return Content(
        hospital=job.hospital,
        title=_with_modality(job, layout, layout.title),
        by=f"由 {job.group} 远程诊断" if job.group else "",
        amended=f"本报告为第 {job.report.n} 版，修改自第 {job.amended_from} 版" if job.amended_from else "",
        confirmed=job.confirmed,
        fields=[(FIELDS[key], getattr(job.patient, key) or NOT_SAID.get(key, UNKNOWN)) for key in layout.fields],
        sections=list(_sections(job, layout)),
        images=[(data, f"图 {number} {caption}".rstrip()) for number, (data, caption) in enumerate(shown, 1)],
        left_out=len(job.images) - len(shown) if layout.show_images else 0,
        signers=[_signer(signature) for signature in job.signatures if _wanted(signature, layout)],
        same_signer=_same_signer(job),
        times=list(_times(job)) if layout.show_times else [],
        logo=job.logo if layout.show_logo else None,
        qr=qr.png(job.link_url) if layout.show_qr and job.link_url else None,
        link_title="查看报告" if job.link_login else "电子胶片",
        validity="登录后查看" if job.link_login else _until(job),
        running=" · ".join(_running(job)),
        disclaimer=job.footer or DISCLAIMER,
        identity=_identity(job, layout),
    )


def _with_modality(job: ReportJob, layout: Layout, words: str) -> str:
    return f"{job.patient.modality} {words}" if layout.show_modality and job.patient.modality else words


def _sections(job: ReportJob, layout: Layout) -> Iterator[Section]:
    if layout.show_findings:
        yield Section(heading="影像所见", text=job.report.findings)
    if layout.show_impression:
        yield Section(heading=_with_modality(job, layout, "印象"), text=job.report.impression, strong=True)


def _wanted(signature: Signature, layout: Layout) -> bool:
    return layout.show_author if signature.role == "author" else layout.show_reviewer


def _signer(signature: Signature) -> Signer:
    stamp = STAMPS.get(signature.source, "") if signature.image else ""
    note = f"{signature.name}（{stamp}）" if stamp else signature.name
    return Signer(label=ROLES[signature.role], name=signature.name, image=signature.image, note=note)


def _same_signer(job: ReportJob) -> bool:
    author, reviewer = job.report.author, job.report.reviewer
    if author and reviewer:
        return author.user == reviewer.user
    roles = {signature.role: signature.name for signature in job.signatures}
    return len(roles) == len(ROLES) and len(set(roles.values())) == 1


def _times(job: ReportJob) -> Iterator[tuple[str, str]]:
    if job.written_at:
        yield "书写时间", _local(job, job.written_at)
    signed = job.report.sealed_at or max((s.at for s in job.signatures if s.at), default=None)
    if signed:
        yield "签发时间", _local(job, signed)


def _running(job: ReportJob) -> Iterator[str]:
    yield job.patient.name or UNKNOWN
    if job.patient.patient_id:
        yield f"病人ID {job.patient.patient_id}"
    if job.patient.accession_number:
        yield f"检查编号 {job.patient.accession_number}"


def _identity(job: ReportJob, layout: Layout) -> str:
    """Which document this is: request, version, the first 64 bits of the report digest, layout."""
    digest = job.report.sha256[:16].upper()
    check = " ".join(digest[at : at + 4] for at in range(0, len(digest), 4)) or "-"
    parts = (f"申请 {job.request.public_id}", f"第 {job.report.n} 版", f"校验值 {check}", f"模板 {layout.name}")
    return " · ".join(parts)


def _until(job: ReportJob) -> str:
    return f"至 {_local(job, job.link_until)[:10]}" if job.link_until else "永久有效"


def _local(job: ReportJob, at: datetime) -> str:
    return at.astimezone(ZoneInfo(job.zone)).strftime("%Y-%m-%d %H:%M")
