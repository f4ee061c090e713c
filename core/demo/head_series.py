"""Small studies of the head: a plain CT and a T1-weighted MR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage

from core.demo.canvas import Field
from core.demo.head import BOTTOM, CT_GREYS, T1_GREYS, TOP, Greys, Head
from core.demo.identity import DemoPatient
from core.demo.write import Series, Study, new_image, place, save, set_pixels


@dataclass(frozen=True)
class _Stack:
    slices: int
    size: int
    field_of_view: float
    thickness: float
    """mm; what is left of the distance between slices is a gap."""


def head_ct(folder: Path, *, patient: DemoPatient, at: datetime, seed: int, slices: int = 24) -> list[Path]:
    """Write a plain head CT from the crown to the base of the skull."""
    study = Study(patient, "head-ct", "CT", seed, at, "头颅CT平扫", "HEAD")
    windows = [("脑窗", 38.0, 85.0), ("骨窗", 500.0, 2000.0)]
    series = Series(2, "头颅平扫", CTImageStorage, ("ORIGINAL", "PRIMARY", "AXIAL"), windows)
    stack = _Stack(slices, 512, 240.0, (BOTTOM - TOP) / slices)
    paths = []
    for data, section in _images(study, series, stack, CT_GREYS):
        section += np.random.default_rng([seed, 19, data.InstanceNumber]).normal(0, 3.2, section.shape)
        data.KVP, data.XRayTubeCurrent, data.ConvolutionKernel = "120", "260", "DEMO"
        data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "-1024", "1", "HU"
        set_pixels(data, np.clip(np.rint(section) + 1024, 0, 4095).astype(np.uint16), bits=12)
        paths.append(save(data, folder))
    return paths


def head_mr(folder: Path, *, patient: DemoPatient, at: datetime, seed: int, slices: int = 20) -> list[Path]:
    """Write a T1-weighted spin-echo series of the brain."""
    study = Study(patient, "head-mr", "MR", seed, at, "颅脑MRI平扫", "BRAIN")
    series = Series(3, "横断位T1WI", MRImageStorage, ("ORIGINAL", "PRIMARY", "M", "SE"), [("T1", 380.0, 760.0)])
    paths = []
    for data, section in _images(study, series, _Stack(slices, 320, 230.0, 5.0), T1_GREYS):
        rng = np.random.default_rng([seed, 23, data.InstanceNumber])
        bright = 1 + 0.12 * np.cos(np.linspace(-2.2, 2.2, section.shape[1]))[None, :]
        real, imaginary = rng.normal(0, 11, (2, *section.shape))
        section = np.hypot(section * bright + real, imaginary).astype(np.float32)
        data.ScanningSequence, data.SequenceVariant, data.ScanOptions = "SE", "NONE", ""
        data.MRAcquisitionType, data.EchoTrainLength = "2D", "1"
        data.RepetitionTime, data.EchoTime, data.FlipAngle = "480", "11", "90"
        data.MagneticFieldStrength, data.ImagingFrequency, data.ImagedNucleus = "1.5", "63.87", "1H"
        data.NumberOfAverages, data.PixelBandwidth = "2", "150"
        set_pixels(data, np.clip(np.rint(section), 0, 4095).astype(np.uint16), bits=12)
        paths.append(save(data, folder))
    return paths


def _images(study: Study, series: Series, stack: _Stack, greys: Greys) -> Iterator[tuple[Dataset, Field]]:
    head = Head(study.seed, greys)
    pixel = stack.field_of_view / stack.size
    step = (BOTTOM - TOP) / stack.slices
    along = (np.arange(stack.size) + 0.5) * pixel - stack.field_of_view / 2
    for index in range(stack.slices):
        t = TOP + (index + 0.5) * step
        data = new_image(study, series, index + 1)
        corner = (along[0], along[0] - 4.0, -t)
        place(data, study, corner=corner, rows=(1, 0, 0), columns=(0, 1, 0), spacing=(pixel, pixel, stack.thickness))
        data.SliceLocation, data.SpacingBetweenSlices = f"{-t:.4f}", f"{step:.6g}"
        yield data, head.section(t, along, along - 4.0)
