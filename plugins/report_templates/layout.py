"""What a hospital may choose about its reports: data only, never markup.

The switches are those of the manual's template form (S-139 to S-147). Texts of a layout are printed as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Arrangement = Literal["stacked", "stretch"]

FIELDS = {
    "name": "姓名",
    "sex": "性别",
    "age": "年龄",
    "accession_number": "检查编号",
    "patient_id": "病人ID",
    "birth_date": "出生日期",
    "department": "科室",
    "physician": "申请医师",
    "modality": "检查类型",
    "body_part": "检查部位",
    "study_time": "检查时间",
}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way to set a report on A4 paper.

    :param show_modality: "CT 诊断报告" and "CT 印象" instead of the bare words
    :param fields: keys of :data:`FIELDS` in the order of printing, three to a row
    :param columns: key images side by side, 1 to 4
    :param max_images: 0 to 12; the report says how many were left out
    :param arrangement: ``stacked`` keeps every image at its column's width, ``stretch`` lets the images of a row
        share its width
    :param signature_mm: width (10 to 45) and height (5 to 25) of a signature's box
    :param link_days: how long the QR code's link lives from saving the PDF, ``None`` = permanent

    :raise ValueError: a value out of its range
    """

    name: str = "标准"
    title: str = "诊断报告"
    show_logo: bool = True
    show_qr: bool = True
    show_modality: bool = True
    fields: tuple[str, ...] = (
        "name",
        "sex",
        "age",
        "accession_number",
        "patient_id",
        "birth_date",
        "department",
        "physician",
        "study_time",
        "body_part",
    )
    show_findings: bool = True
    show_impression: bool = True
    show_images: bool = True
    show_author: bool = True
    show_reviewer: bool = True
    show_times: bool = True
    columns: int = 2
    max_images: int = 4
    arrangement: Arrangement = "stacked"
    signature_mm: tuple[int, int] = (32, 12)
    link_days: int | None = 90

    def __post_init__(self) -> None:
        width, height = self.signature_mm
        checks = {
            "title": 0 < len(self.title) <= 40,
            "fields": set(self.fields) <= FIELDS.keys() and len(set(self.fields)) == len(self.fields),
            "columns": 1 <= self.columns <= 4,
            "max_images": 0 <= self.max_images <= 12,
            "arrangement": self.arrangement in ("stacked", "stretch"),
            "signature_mm": 10 <= width <= 45 and 5 <= height <= 25,
            "link_days": self.link_days is None or self.link_days > 0,
        }
        if wrong := [name for name, good in checks.items() if not good]:
            raise ValueError(f"layout out of range: {', '.join(wrong)}")


STANDARD = Layout()
