"""A report as a consultation hands it over, and what poppler sees in its print."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageDraw

from plugin_sdk.consultation import PatientFacts, Person, ReportJob, ReportView, RequestRef, Signature, VersionStatus

XHTML = "{http://www.w3.org/1999/xhtml}"
REF = RequestRef(id=1, public_id="R7K2M3AX", study_id=1, link_id=1, hospital_id=1, group_id=2)
FINDINGS = (
    "胸廓对称。左肺上叶前段见一结节影，大小约17mm×15mm（序列3，图像142），边缘见短毛刺，邻近胸膜轻度牵拉，"
    "增强后呈中度强化。较2026-05-18前片增大，最大径8.2 mm。\n"
    "右肺及左肺下叶纹理走行自然，未见实变影。气管及主支气管通畅。"
)
IMPRESSION = "1. 左肺上叶前段结节，较前增大，周围型肺癌不能除外。\n2. 余胸部CT未见明显异常。"


@dataclass(frozen=True)
class Word:
    text: str
    page: int
    box: tuple[float, float, float, float]


class Pdf:
    """Poppler's view of a PDF."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        path.write_bytes(data)

    def _poppler(self, *command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def text(self) -> str:
        return self._poppler("pdftotext", "-layout", str(self.path), "-")

    def pages(self) -> list[str]:
        return self.text().split("\f")[:-1]

    def words(self) -> list[Word]:
        tree = ElementTree.fromstring(self._poppler("pdftotext", "-bbox", str(self.path), "-"))
        return [
            Word(word.text or "", number, tuple(float(word.attrib[k]) for k in ("xMin", "yMin", "xMax", "yMax")))
            for number, page in enumerate(tree.iter(f"{XHTML}page"), 1)
            for word in page.iter(f"{XHTML}word")
        ]

    def picture(self, page: int = 1, dpi: int = 144) -> Image.Image:
        stem = self.path.with_suffix("")
        self._poppler("pdftoppm", "-r", str(dpi), "-f", str(page), "-l", str(page), "-png", "-singlefile",
                      str(self.path), str(stem))  # fmt: skip
        return Image.open(f"{stem}.png").convert("L")

    def images(self) -> list[Image.Image]:
        folder = self.path.with_suffix(".images")
        folder.mkdir()
        self._poppler("pdfimages", "-png", str(self.path), str(folder / "i"))
        return [Image.open(path).convert("RGB") for path in sorted(folder.iterdir())]


@pytest.fixture
def read_pdf(tmp_path: Path) -> Callable[[bytes], Pdf]:
    if shutil.which("pdftotext") is None:
        pytest.skip("poppler-utils is not installed")
    return lambda data: Pdf(tmp_path / "report.pdf", data)


def picture(width: int = 320, height: int = 240, kind: str = "PNG", grey: int = 90) -> bytes:
    image = Image.new("RGB", (width, height))
    ImageDraw.Draw(image).ellipse((width * 0.2, height * 0.2, width * 0.8, height * 0.8), fill=(grey, grey, grey))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


@pytest.fixture
def make_picture() -> Callable[..., bytes]:
    return picture


@pytest.fixture
def make_job() -> Callable[..., ReportJob]:
    """Build a job; keywords go to the first of job, report and patient that has a field of that name."""

    def make(**changes: Any) -> ReportJob:
        author = Person(user=5, id="u5", name="林若水")
        reviewer = Person(user=6, id="u6", name="周明远")
        report = ReportView(
            request=REF,
            n=1,
            status=VersionStatus.SEALED,
            findings=FINDINGS,
            impression=IMPRESSION,
            positive=True,
            images=(),
            author=author,
            reviewer=reviewer,
            sha256="9f3a71c052de8b11" + "0" * 48,
            sealed_at=datetime(2026, 11, 25, 1, 52, tzinfo=UTC),
        )
        patient = PatientFacts(
            name="张桂兰",
            sex="女",
            age="58岁",
            patient_id="P2043734",
            accession_number="CT2511250396",
            modality="CT",
            body_part="胸部平扫+增强",
            study_time="2026-11-25 08:51",
            department="呼吸内科",
            physician="李建国",
            birth_date="1968-03-12",
        )
        job = ReportJob(
            request=REF,
            report=report,
            patient=patient,
            hospital="临江县人民医院",
            group="省影像会诊中心",
            signatures=(
                Signature(role="author", name="林若水", image=picture(200, 80), at=None),
                Signature(role="reviewer", name="周明远", image=None, at=None),
            ),
            images=((picture(), "轴位 肺窗"), (picture(400, 400, "JPEG", 120), "左上叶结节 局部放大")),
            link_url="https://film.example/s/" + "aB3" * 14,
            link_until=datetime(2027, 2, 23, 1, 52, tzinfo=UTC),
            written_at=datetime(2026, 11, 25, 1, 31, tzinfo=UTC),
            logo=picture(100, 100),
        )
        for part in ("report", "patient"):
            whole = getattr(job, part)
            mine = {key: changes.pop(key) for key in list(changes) if hasattr(whole, key) and not hasattr(job, key)}
            job = replace(job, **{part: replace(whole, **mine)}) if mine else job
        return replace(job, **changes)

    return make
