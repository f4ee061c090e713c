"""A made-up report, so that a sheet can be looked at before the first real one is printed on it."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from PIL import Image

from plugin_sdk.consultation import PatientFacts, Person, ReportJob, ReportView, RequestRef, Signature, VersionStatus
from plugin_sdk.types import Ctx

AT = datetime(2026, 1, 5, 2, 30, tzinfo=UTC)
FINDINGS = (
    "胸廓对称，双侧肺纹理清晰。右肺中叶见一磨玻璃结节，大小约 6 mm×5 mm（序列3，图像88），边界清楚，未见分叶及毛刺。\n"
    "余肺野未见实变影，气管及主支气管通畅，纵隔内未见肿大淋巴结，双侧胸腔未见积液。"
)
IMPRESSION = "1. 右肺中叶磨玻璃结节，建议 12 个月后复查。\n2. 余胸部CT未见明显异常。"


def job(ctx: Ctx) -> ReportJob:
    """A report of nobody, under the hospital's own name."""
    ref = RequestRef(id=0, public_id="SAMPLE", study_id=0, link_id=0, hospital_id=ctx.tenant.id, group_id=0)
    reader, reviewer = Person(user=1, id="", name="样张医师"), Person(user=2, id="", name="样张审核")
    report = ReportView(
        request=ref, n=1, status=VersionStatus.SEALED, findings=FINDINGS, impression=IMPRESSION, positive=True, images=(),
        author=reader, reviewer=reviewer, sha256="0" * 64, sealed_at=AT,
    )
    patient = PatientFacts(
        name="样张", sex="男", age="45岁", patient_id="P000001", accession_number="CT000001", modality="CT", body_part="胸部平扫",
        study_time="2026-01-05 09:40", department="呼吸内科", physician="样张医师",
    )
    return ReportJob(
        request=ref, report=report, patient=patient, hospital=ctx.tenant.name, group="远程诊断组",
        signatures=(Signature(role="author", name=reader.name, image=None, at=AT), Signature(role="reviewer", name=reviewer.name, image=None, at=AT)),
        images=((_slope(), "轴位 肺窗"), (_slope(), "冠状位")), link_url=ctx.address("/") or "https://example.org/", written_at=AT,
        zone=ctx.tenant.zone,
    )


def _slope() -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").save(out, "PNG")
    return out.getvalue()
