"""A chest radiograph: the shadow of the same chest that the CT shows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation

from core.demo.canvas import Field, blur, resize
from core.demo.chest import Chest
from core.demo.chest_shape import Build
from core.demo.identity import DemoPatient
from core.demo.write import Series, Study, code, new_image, save, set_pixels

ROWS, COLUMNS = 1800, 1500
_ADULT_PIXEL = 0.216
_TOP = -52.0
_WATER = 0.0185
"""Attenuation of water for a filtered 120 kV beam, per mm."""
_DEPTH_STEP = 2.5
"""Between samples from front to back, mm."""
_SCATTER = 0.006
"""Scattered light behind the grid, as a share of the open beam."""

_VIEWS = {
    "PA": ("272479007", "SCT", "postero-anterior"),
    "AP": ("399348003", "SCT", "antero-posterior"),
}
"""Codes of the views (PS3.16 CID 4010)."""


def chest_dx(folder: Path, *, patient: DemoPatient, at: datetime, seed: int, newborn: bool = False) -> list[Path]:
    """Write one frontal chest radiograph, ready to look at, bones bright.

    :param at: local wall-clock time of the study
    :param newborn: an infant lying on the detector instead of an adult standing in front of it
    """
    build = Build(breasts=patient.sex == "F" and not newborn)
    if newborn:
        build = Build(stature=0.36, heart=1.12, rib_slope=0.45, fat=9.0)
    study = Study(patient, "chest-dx", "DX", seed, at, "胸部正位", "CHEST")
    image_type = ("ORIGINAL", "PRIMARY", "")
    series = Series(1, "胸部正位", DigitalXRayImageStorageForPresentation, image_type, [("常规", 2048, 4096)])
    data = new_image(study, series, 1)
    _describe(data, pixel=_ADULT_PIXEL * build.stature, view="AP" if newborn else "PA")
    picture = develop(shadow(Chest(seed, build, nodule=not newborn)), seed)
    set_pixels(data, picture.astype(np.uint16), bits=12)
    return [save(data, folder)]


def shadow(chest: Chest) -> Field:
    """Add up attenuation from front to back on a coarse raster (Beer-Lambert exponents).

    Each line samples other depths than its neighbours, or the raster shows as rings.
    """
    width, height = COLUMNS * _ADULT_PIXEL, ROWS * _ADULT_PIXEL
    columns, rows = 600, 270
    xs = (np.arange(columns) + 0.5) * width / columns - width / 2
    ys = np.arange(-125.0, 130.0, _DEPTH_STEP)
    ts = (np.arange(rows) + 0.5) * height / rows + _TOP
    lines = []
    for index, t in enumerate(ts):
        shift = _DEPTH_STEP * (index * 0.618034 % 1.0)
        density = np.maximum(chest.section(float(t), xs, ys + shift) / 1000 + 1, 0)
        bone = np.maximum(density - 1.12, 0)
        lines.append(np.sum(density + 0.5 * bone, axis=0, dtype=np.float32) * np.float32(_WATER * _DEPTH_STEP))
    return np.array(lines, dtype=np.float32)


def develop(exponent: Field, seed: int) -> Field:
    """Expose, take the logarithm, and even out as a digital system does; 0 to 4095."""
    exponent = resize(exponent, ROWS, COLUMNS)
    light = np.exp(-np.maximum(exponent, 0)) + np.float32(_SCATTER)
    rng = np.random.default_rng([seed, 13])
    light *= 1 + 0.012 * rng.standard_normal(light.shape, dtype=np.float32) / np.sqrt(1 + 20 * light)
    film = -np.log(np.maximum(light, 1e-5))
    wide, narrow = blur(film, 110), blur(film, 6)
    film = film - 0.45 * wide + 0.8 * (film - narrow)
    low, high = np.percentile(film[200:-200, 150:-150], (1, 99))
    shade = (film - low) / (high - low)
    grey: Field = np.clip(3900 / (1 + np.exp(-4.4 * (shade - 0.5))) + 60, 0, 4095).astype(np.float32)
    return grey


def _describe(data: Dataset, *, pixel: float, view: str) -> None:
    """Fill in the DX series, image, detector and positioning modules (PS3.3 C.8.11)."""
    data.PresentationIntentType = "FOR PRESENTATION"
    data.PixelIntensityRelationship, data.PixelIntensityRelationshipSign = "LOG", -1
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "0", "1", "US"
    data.PresentationLUTShape = "IDENTITY"
    data.ImageLaterality, data.PatientOrientation, data.ViewPosition = "U", ["L", "F"], view
    data.AnatomicRegionSequence = code("51185008", "SCT", "Chest")
    data.ViewCodeSequence = code(*_VIEWS[view])
    data.ViewCodeSequence[0].ViewModifierCodeSequence = []
    data.DetectorType, data.DetectorID = "SCINTILLATOR", "DEMO"
    data.ImagerPixelSpacing = [f"{pixel:.6g}", f"{pixel:.6g}"]
    data.PixelSpacing = data.ImagerPixelSpacing
    data.PositionerType, data.KVP = "NONE", "120"
    data.ExposureTime, data.XRayTubeCurrent = "8", "250"
    data.AcquisitionContextSequence = []
