"""The generated demo studies: readable anywhere, plausible to look at, equal each time."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from core.demo.chest import Chest
from core.demo.chest_shape import Build
from core.demo.identity import age
from core.demo.phantom import DemoPatient, PlannedStudy, chest_ct, planned_studies

AT = datetime(2026, 11, 25, 9, 30)
GB = DemoPatient("演示甲^^", "DEMO0001", "M", date(1961, 3, 18), "GB18030")


@pytest.fixture(scope="module")
def ct_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return chest_ct(tmp_path_factory.mktemp("ct"), patient=GB, at=AT, slices=26, size=128, seed=1)


@pytest.fixture(scope="module")
def volume(ct_files: list[Path]) -> list[Dataset]:
    return [dcmread(path) for path in ct_files[2:]]


def hounsfield(volume: list[Dataset], index: int, x: float, y: float) -> float:
    """Mean of 3 x 3 pixels around a place in patient coordinates (mm)."""
    data = volume[index]
    left, top, _ = data.ImagePositionPatient
    column, row = round((x - left) / data.PixelSpacing[1]), round((y - top) / data.PixelSpacing[0])
    values = data.pixel_array[row - 1 : row + 2, column - 1 : column + 2]
    return float(values.mean() * data.RescaleSlope + data.RescaleIntercept)


def test_a_chest_ct_has_two_localizers_and_the_slices_asked_for(ct_files: list[Path]) -> None:
    images = [dcmread(path, stop_before_pixels=True) for path in ct_files]
    assert len(images) == 28
    assert [(i.SeriesNumber, i.ImageType[2]) for i in images[:3]] == [(1, "LOCALIZER"), (1, "LOCALIZER"), (2, "AXIAL")]
    assert len({i.StudyInstanceUID for i in images}) == 1
    assert len({i.SeriesInstanceUID for i in images}) == 2
    assert len({i.SOPInstanceUID for i in images}) == 28
    assert len({i.FrameOfReferenceUID for i in images}) == 1


def test_slices_are_evenly_spaced_from_head_to_feet(volume: list[Dataset]) -> None:
    heights = [float(data.ImagePositionPatient[2]) for data in volume]
    assert np.diff(heights) == pytest.approx([-12.5] * 25)
    assert [data.InstanceNumber for data in volume] == list(range(1, 27))
    assert float(volume[0].SliceThickness) == 12.5
    assert list(volume[0].PixelSpacing) == [3.125, 3.125]
    assert list(volume[0].ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]


def test_a_slice_opens_in_the_lung_and_the_soft_tissue_window(volume: list[Dataset]) -> None:
    data = volume[10]
    assert data.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert data.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
    assert (list(data.WindowCenter), list(data.WindowWidth)) == ([-500, 40], [1500, 400])
    assert list(data.WindowCenterWidthExplanation) == ["肺窗", "纵隔窗"]
    assert (data.PatientPosition, data.Rows, data.Columns) == ("HFS", 128, 128)
    assert data.AccessionNumber == "CT20261125001"
    assert (data.InstitutionName, data.StationName) == ("演示医院", "演示CT")


@pytest.mark.parametrize(
    ("what", "index", "x", "y", "low", "high"),
    [
        ("air beside the patient", 10, -190, -180, -1024, -950),
        ("windpipe", 4, -1, 11, -1024, -850),
        ("right lung", 11, -85, 45, -950, -650),
        ("left lung", 11, 85, 45, -950, -650),
        ("heart", 14, 15, -26, 25, 70),
        ("aorta going down", 16, 21, 42, 25, 65),
        ("liver", 21, -80, -10, 40, 80),
        ("vertebra", 10, 5, 50, 120, 500),
        ("nodule, smaller than the pixels read", 7, -80, -16, -500, 0),
    ],
)
def test_a_place_in_the_chest_has_the_density_of_what_lies_there(
    volume: list[Dataset], what: str, index: int, x: float, y: float, low: float, high: float
) -> None:
    assert low <= hounsfield(volume, index, x, y) <= high, what


def test_the_nodule_measures_about_eight_millimetres() -> None:
    xs, ys = np.arange(-88, -72, 0.25), np.arange(-24, -8, 0.25)
    section = Chest(1, Build()).section(92.0, xs, ys)
    solid = np.count_nonzero(section > -300) * 0.25**2
    assert 7.6 <= 2 * np.sqrt(solid / np.pi) <= 9.2


def test_lungs_are_larger_in_the_middle_than_at_the_top(volume: list[Dataset]) -> None:
    def air_inside(index: int) -> int:
        inner = volume[index].pixel_array[30:95, 20:108].astype(int) - 1024
        return int(np.count_nonzero((inner > -950) & (inner < -600)))

    assert 0 < air_inside(3) < air_inside(6) < air_inside(12)
    assert air_inside(12) > 5 * max(1, air_inside(24))


def test_names_are_stored_in_the_character_set_they_claim(ct_files: list[Path], tmp_path: Path) -> None:
    stored = ct_files[5].read_bytes()
    assert b"GB18030" in stored
    assert "演示甲^^".encode("gb18030") in stored
    assert "演示".encode() not in stored
    data = dcmread(ct_files[5])
    assert data.PatientName.family_name == "演示甲"
    assert (data.StudyDescription, data.PatientAge) == ("胸部CT平扫", "065Y")


def test_a_seed_always_draws_the_same_files(ct_files: list[Path], tmp_path: Path) -> None:
    again = chest_ct(tmp_path / "again", patient=GB, at=AT, slices=26, size=128, seed=1)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in ct_files]
    other = dcmread(chest_ct(tmp_path / "other", patient=GB, at=AT, slices=2, size=32, seed=9)[0])
    assert other.StudyInstanceUID != dcmread(again[0]).StudyInstanceUID
    assert other.StudyInstanceUID.startswith("2.25.")
    assert other.StudyInstanceUID.is_valid


@pytest.mark.parametrize(
    ("born", "said"),
    [
        (date(2026, 11, 20), "005D"),
        (date(2026, 8, 25), "003M"),
        (date(2024, 11, 26), "023M"),
        (date(2024, 11, 25), "002Y"),
        (date(1961, 11, 26), "064Y"),
    ],
)
def test_an_age_is_told_in_the_unit_a_reader_expects(born: date, said: str) -> None:
    assert age(born, date(2026, 11, 25)) == said


@pytest.mark.parametrize("at", [AT, datetime(2027, 1, 1, 0, 10), datetime(2026, 5, 31, 23, 59)])
def test_the_demo_shows_several_ages_sexes_and_character_sets(at: datetime) -> None:
    studies = planned_studies(at)
    assert [s.name for s in studies] == ["chest-ct", "chest-dx", "head-ct", "newborn-dx", "head-mr", "abdomen-us"]
    assert all("演示" in s.patient.name for s in studies)
    assert {s.patient.sex for s in studies} == {"M", "F", "O"}
    assert {s.patient.charset for s in studies} == {"GB18030", "ISO_IR 192"}
    ages = [age(s.patient.birth_date, s.at.date()) for s in studies]
    assert (ages[3], ages[5]) == ("005D", "003M")


def draw(study: PlannedStudy, folder: Path) -> list[Dataset]:
    paths = study.draw(folder, patient=study.patient, at=study.at, seed=study.seed)
    return [dcmread(path) for path in paths]


@pytest.mark.parametrize(
    ("place", "count", "modality", "sop_class", "size"),
    [
        (2, 24, "CT", "1.2.840.10008.5.1.4.1.1.2", (512, 512)),
        (4, 20, "MR", "1.2.840.10008.5.1.4.1.1.4", (320, 320)),
        (5, 1, "US", "1.2.840.10008.5.1.4.1.1.6.1", (600, 800)),
    ],
)
def test_a_small_study_can_be_decoded(
    place: int, count: int, modality: str, sop_class: str, size: tuple[int, int], tmp_path: Path
) -> None:
    images = draw(planned_studies(AT)[place], tmp_path)
    assert len(images) == count
    assert {(i.Modality, i.SOPClassUID, i.pixel_array.shape) for i in images} == {(modality, sop_class, size)}
    middle = images[count // 2].pixel_array
    assert middle.std() > 20


def test_a_newborn_radiograph_is_twelve_bits_with_dark_lungs(tmp_path: Path) -> None:
    (image,) = draw(planned_studies(AT)[3], tmp_path)
    assert image.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.1"
    assert (image.Rows, image.Columns, image.BitsStored) == (1800, 1500, 12)
    assert (image.PhotometricInterpretation, image.PresentationIntentType) == ("MONOCHROME2", "FOR PRESENTATION")
    assert (image.PatientAge, str(image.PatientName)) == ("005D", "演示丁")
    assert "演示丁".encode() in Path(image.filename).read_bytes()
    pixels = image.pixel_array
    lung, spine = np.median(pixels[800:900, 330:420]), np.median(pixels[800:900, 710:790])
    assert pixels.max() <= 4095
    assert spine > lung + 1000
