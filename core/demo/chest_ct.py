"""A CT of the chest: two localizers and a volume."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from core.demo.canvas import Field, resize
from core.demo.chest import Chest
from core.demo.chest_shape import BOTTOM, TOP, Build
from core.demo.identity import DemoPatient
from core.demo.write import Pixels, Series, Study, new_image, place, save, set_pixels

FIELD_OF_VIEW = 400.0
LUNG_WINDOW = ("肺窗", -500.0, 1500.0)
SOFT_WINDOW = ("纵隔窗", 40.0, 400.0)
_FRONT = -190.0
"""Where the first row lies, mm in front of the middle of the chest."""


def chest_ct(
    folder: Path, *, patient: DemoPatient, at: datetime, slices: int = 130, size: int = 512, seed: int
) -> list[Path]:
    """Write a plain chest CT from the shoulders to the upper belly, head first, and return its files in order.

    :param at: local wall-clock time of the study
    :param slices: number of slices over 325 mm; 130 are 2.5 mm apart
    :param size: rows and columns of a slice
    """
    study = Study(patient, "chest-ct", "CT", seed, at, "胸部CT平扫", "CHEST")
    localizer = Series(1, "定位像", CTImageStorage, ("ORIGINAL", "PRIMARY", "LOCALIZER"), [("定位像", 40, 400)])
    volume = Series(
        2, "胸部平扫", CTImageStorage, ("ORIGINAL", "PRIMARY", "AXIAL"), [LUNG_WINDOW, SOFT_WINDOW], delay=45
    )
    chest = Chest(seed, Build(breasts=patient.sex == "F"))
    step, pixel = (BOTTOM - TOP) / slices, FIELD_OF_VIEW / size
    xs = (np.arange(size) + 0.5) * pixel - FIELD_OF_VIEW / 2
    ys = (np.arange(size) + 0.5) * pixel + _FRONT
    front, side, paths = [], [], []
    for index in range(slices):
        t = TOP + (index + 0.5) * step
        section = chest.section(t, xs, ys, table=True)
        front.append(_shadow(section, axis=0, pixel=pixel))
        side.append(_shadow(section, axis=1, pixel=pixel))
        section += grain(np.random.default_rng([seed, 11, index]), section, t)
        data = new_image(study, volume, index + 1)
        place(data, study, corner=(xs[0], ys[0], -t), rows=(1, 0, 0), columns=(0, 1, 0), spacing=(pixel, pixel, step))
        data.SliceLocation, data.SpacingBetweenSlices = f"{-t:.4f}", f"{step:.6g}"
        paths.append(save(_as_ct(data, section), folder))
    first = _localizers(study, localizer, np.array(front), np.array(side), xs=xs, ys=ys, step=step)
    return [save(data, folder) for data in first] + paths


def grain(rng: np.random.Generator, section: Field, t: float) -> Field:
    """Draw noise as a scanner's: finer than the eye's, streaked sideways between the shoulders, HU."""
    rows, columns = section.shape
    noise = rng.standard_normal((rows + 2, columns + 2), dtype=np.float32)
    soft = noise[1:-1, 1:-1] + 0.55 * (noise[:-2, 1:-1] + noise[2:, 1:-1] + noise[1:-1, :-2] + noise[1:-1, 2:])
    streak = 5 * max(0.0, 1 - abs(t - 38) / 30)
    lines = rng.standard_normal((rows, 1), dtype=np.float32) * np.float32(streak)
    return soft * np.float32(7.0 + streak) + lines * (section > -900)


def _shadow(section: Field, *, axis: int, pixel: float) -> Field:
    """Add up what a narrow X-ray beam meets, in mm of water."""
    water: Field = np.sum(np.maximum(section + 1000, 0), axis=axis, dtype=np.float32)
    return water * np.float32(pixel / 1000)


def _localizers(
    study: Study, series: Series, front: Field, side: Field, *, xs: Field, ys: Field, step: float
) -> list[Dataset]:
    found = []
    pixel = float(xs[1] - xs[0])
    rows = round(front.shape[0] * step / pixel)
    top = -(TOP + pixel / 2)
    views = (
        (front, (float(xs[0]), 0.0, top), (1.0, 0.0, 0.0)),
        (side, (0.0, float(ys[0]), top), (0.0, 1.0, 0.0)),
    )
    for number, (shadow, corner, along) in enumerate(views, start=1):
        data = new_image(study, series, number)
        place(data, study, corner=corner, rows=along, columns=(0, 0, -1), spacing=(pixel, pixel, pixel))
        picture = resize(shadow, rows, shadow.shape[1])
        low, high = np.percentile(picture, (5, 99))
        found.append(_as_ct(data, (picture - low) / (high - low) * 380 - 150))
    return found


def _as_ct(data: Dataset, hounsfield: Field) -> Dataset:
    """Fill in the CT image module (PS3.3 C.8.2.1); stored values are HU + 1024."""
    data.KVP, data.XRayTubeCurrent, data.ExposureTime, data.Exposure = "120", "200", "500", "100"
    data.ConvolutionKernel, data.GantryDetectorTilt, data.TableHeight = "DEMO", "0", "150"
    data.DataCollectionDiameter = data.ReconstructionDiameter = f"{FIELD_OF_VIEW:g}"
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "-1024", "1", "HU"
    pixels: Pixels = np.clip(np.rint(hounsfield) + 1024, 0, 4095).astype(np.uint16)
    set_pixels(data, pixels, bits=12)
    return data
