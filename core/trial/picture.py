"""Small images that are real DICOM: a slope of grey, cheap to draw, decode and look at."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.uid import CTImageStorage, MRImageStorage, SecondaryCaptureImageStorage

from core.demo.identity import DemoPatient
from core.demo.write import Series, Study, new_image, place, save, set_pixels

SIZE = 64
KINDS = {"CT": CTImageStorage, "MR": MRImageStorage}


def draw(folder: Path, patient: DemoPatient, *, at: datetime, modality: str, body_part: str, images: int) -> None:
    """Write one series. UIDs follow from the patient's id and the instant, so that no two studies share one."""
    study = Study(patient, f"trial-{patient.pid}-{at.isoformat()}", modality, 1, at, "测试检查", body_part)
    series = Series(1, "测试序列", KINDS.get(modality, SecondaryCaptureImageStorage), ("ORIGINAL", "PRIMARY", "AXIAL"),
                    windows=(("测试", 40.0, 400.0),))
    slope = np.add.outer(np.arange(SIZE), np.arange(SIZE)).astype(np.uint16) * 8
    for number in range(1, images + 1):
        data = new_image(study, series, number)
        place(data, study, corner=(-32.0, -32.0, number * 5.0), rows=(1, 0, 0), columns=(0, 1, 0), spacing=(1, 1, 5))
        data.RescaleIntercept, data.RescaleSlope = "-400", "1"
        set_pixels(data, slope, bits=12)
        save(data, folder)
