"""One ultrasound picture: liver and right kidney in a fan of speckle."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UltrasoundImageStorage

from core.demo.canvas import Canvas, Field, blur
from core.demo.identity import DemoPatient
from core.demo.write import Series, Study, new_image, save, set_pixels

ROWS, COLUMNS = 600, 800
_PIXEL = 0.25
"""mm."""
_APEX_ROW, _NEAR, _FAR, _HALF_ANGLE = -120.0, 160.0, 700.0, 0.62
"""The fan: its tip (row), where it starts and ends (pixels from the tip), and half its opening (radians)."""


def abdomen_us(folder: Path, *, patient: DemoPatient, at: datetime, seed: int) -> list[Path]:
    """Write one grey picture of the upper belly with a calibrated region."""
    study = Study(patient, "abdomen-us", "US", seed, at, "腹部超声", "ABDOMEN")
    series = Series(1, "肝肾切面", UltrasoundImageStorage, ("ORIGINAL", "PRIMARY", "ABDOMINAL"))
    data = new_image(study, series, 1)
    data.PatientOrientation = ""
    data.SequenceOfUltrasoundRegions = [_region()]
    set_pixels(data, np.rint(_picture(seed)).astype(np.uint8), bits=8)
    return [save(data, folder)]


def _picture(seed: int) -> Field:
    columns = np.arange(COLUMNS, dtype=np.float32)[None, :] - COLUMNS / 2
    rows = np.arange(ROWS, dtype=np.float32)[:, None] - _APEX_ROW
    reach, angle = np.hypot(columns, rows), np.arctan2(columns, rows)
    echo = _tissue()
    rng = np.random.default_rng([seed, 29])
    speckle = rng.standard_normal((2, ROWS, COLUMNS), dtype=np.float32)
    waves = [blur(part, 1) for part in speckle]
    waves = [(part - part.mean()) / part.std() for part in waves]
    amplitude = echo * np.hypot(waves[0], waves[1]) * 0.8
    amplitude *= np.exp(-(((reach - 380) / 420) ** 2)) * (0.92 + 0.08 * np.cos(angle * 40))
    picture = 62 * np.log10(1 + 60 * np.maximum(amplitude, 0))
    inside = (np.abs(angle) < _HALF_ANGLE) & (reach > _NEAR) & (reach < _FAR)
    return np.where(inside, np.clip(picture, 0, 255), 0).astype(np.float32)


def _tissue() -> Field:
    """How strongly each place echoes; 1 is liver."""
    canvas = Canvas((np.arange(COLUMNS) - COLUMNS / 2) * _PIXEL, np.arange(ROWS) * _PIXEL, background=0.8)
    x, y = canvas.x, canvas.y
    for depth, value in ((14.0, 3.0), (17.0, 0.5), (21.0, 2.5), (23.0, 1.0)):
        canvas.fill(-(y - depth - 1.2 * np.sin(x / 17)), value, edge=1.2)
    for cx, cy, rx, ry, tilt in (
        (-22, 52, 2.5, 8, 0.8),
        (8, 45, 2, 6, -0.4),
        (-40, 70, 3, 9, 1.1),
        (30, 58, 2, 5, 0.2),
    ):
        canvas.ellipse(cx, cy, rx + 0.8, ry + 0.8, 1.8, tilt=tilt, edge=1)
        canvas.ellipse(cx, cy, rx, ry, 0.04, tilt=tilt, edge=1)
    canvas.ellipse(12, 88, 45, 21, 2.6, tilt=0.2, edge=1.5)
    canvas.ellipse(12, 88, 43.5, 19.5, 0.55, tilt=0.2, edge=1.5)
    for step in range(-3, 4):
        for side in (-1, 1):
            canvas.ellipse(12 + step * 10, 88 + step * 2 + side * 11, 3.4, 3.0, 0.16, edge=2)
    canvas.ellipse(12, 88, 30, 6.5, 3.2, tilt=0.2, edge=4)
    curve = y - (122 - ((x + 10) / 14) ** 2 * 0.9)
    canvas.fill(np.abs(curve) - 1.2, 9.0, edge=1.5)
    canvas.fill(2 - curve, 0.35, edge=6)
    return canvas.image


def _region() -> Dataset:
    """Calibrate the fan (PS3.3 C.8.5.5): 2D tissue, centimetres per pixel both ways."""
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = COLUMNS - 1, ROWS - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = _PIXEL / 10
    return region
