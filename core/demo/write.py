"""Data sets with every attribute a viewer asks for, and files of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian

from core.demo.identity import DemoPatient, accession, age, uid

Pixels = npt.NDArray[np.int16] | npt.NDArray[np.uint16] | npt.NDArray[np.uint8]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Study:
    """What all objects of one study share."""

    patient: DemoPatient
    kind: str
    """Names the study in its UIDs, so that two kinds with one seed differ."""
    modality: str
    seed: int
    at: datetime
    """Local wall-clock time."""
    description: str
    body_part: str


@dataclass(frozen=True)
class Series:
    """One series and how its images look at first."""

    number: int
    description: str
    sop_class: str
    image_type: tuple[str, ...]
    windows: Sequence[tuple[str, float, float]] = ()
    """Name, centre and width of each window."""
    delay: float = 0.0
    """Seconds from the start of the study."""


def new_image(study: Study, series: Series, number: int) -> Dataset:
    """Fill in the patient, study, series, equipment and general image modules (PS3.3 C.7)."""
    who, at = study.patient, study.at
    then = at + timedelta(seconds=series.delay)
    data = Dataset()
    data.SpecificCharacterSet = who.charset
    data.ImageType = list(series.image_type)
    data.InstanceCreationDate, data.InstanceCreationTime = f"{then:%Y%m%d}", f"{then:%H%M%S}"
    data.SOPClassUID = series.sop_class
    data.SOPInstanceUID = uid(study.seed, study.kind, series.number, number)
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = f"{at:%Y%m%d}"
    data.StudyTime = f"{at:%H%M%S}"
    data.SeriesTime = data.AcquisitionTime = data.ContentTime = f"{then:%H%M%S}"
    data.AccessionNumber = accession(study.modality, at, study.seed)
    data.Modality = study.modality
    data.Manufacturer, data.ManufacturerModelName = "Telerad", "演示体模"
    data.InstitutionName, data.StationName = "演示医院", f"演示{study.modality}"
    data.DeviceSerialNumber, data.SoftwareVersions = "DEMO", "1"
    data.ReferringPhysicianName = "演示医生"
    data.StudyDescription, data.SeriesDescription = study.description, series.description
    data.PatientName, data.PatientID = who.name, who.pid
    data.PatientBirthDate, data.PatientSex = f"{who.birth_date:%Y%m%d}", who.sex
    data.PatientAge = age(who.birth_date, at.date())
    data.BodyPartExamined, data.ProtocolName = study.body_part, study.description
    data.StudyInstanceUID = uid(study.seed, study.kind)
    data.SeriesInstanceUID = uid(study.seed, study.kind, series.number)
    data.StudyID = f"{study.seed}"
    data.SeriesNumber, data.InstanceNumber, data.AcquisitionNumber = series.number, number, series.number
    data.BurnedInAnnotation, data.LossyImageCompression = "NO", "00"
    if series.windows:
        data.WindowCenter = [centre for _, centre, _ in series.windows]
        data.WindowWidth = [width for _, _, width in series.windows]
        data.WindowCenterWidthExplanation = [name for name, _, _ in series.windows]
    return data


def place(data: Dataset, study: Study, *, corner: Triple, rows: Triple, columns: Triple, spacing: Triple) -> None:
    """Place an image in the patient (PS3.3 C.7.4.1, C.7.6.2).

    :param corner: centre of the first pixel, mm, patient coordinates
    :param rows: direction in which a row runs
    :param columns: direction in which a column runs
    :param spacing: between rows, between columns, and the thickness of the slice, mm
    """
    data.PatientPosition = "HFS"
    data.FrameOfReferenceUID = uid(study.seed, study.kind, "frame")
    data.PositionReferenceIndicator = ""
    data.ImagePositionPatient = [f"{value:.4f}" for value in corner]
    data.ImageOrientationPatient = [f"{value:g}" for value in (*rows, *columns)]
    data.PixelSpacing = [f"{spacing[0]:.6g}", f"{spacing[1]:.6g}"]
    data.SliceThickness = f"{spacing[2]:.6g}"


def set_pixels(data: Dataset, pixels: Pixels, *, bits: int) -> None:
    """Store one grey or RGB frame; a signed array becomes signed pixels."""
    colour = pixels.ndim == 3
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    data.Rows, data.Columns = pixels.shape[:2]
    data.BitsAllocated, data.BitsStored, data.HighBit = pixels.itemsize * 8, bits, bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    data.add_new("PixelData", "OB" if pixels.itemsize == 1 else "OW", little.tobytes())


def code(value: str, scheme: str, meaning: str) -> Items:
    """Make a code sequence of one item (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Items([item])


def save(data: Dataset, folder: Path) -> Path:
    """Write an image as a file of its own in Explicit VR Little Endian; the folder is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    path = folder / f"S{data.SeriesNumber:02d}I{data.InstanceNumber:04d}.dcm"
    data.save_as(path, enforce_file_format=True)
    return path
