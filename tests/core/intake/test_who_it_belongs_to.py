"""Which patient and study an image joins, and what is kept for a person to decide."""

from __future__ import annotations

import io
from typing import Any

import pytest
import sqlalchemy as sa
from pydicom import dcmread
from pydicom.uid import RLELossless

from core.intake.models import HeldItem
from core.store.blobs import storage_key
from core.store.models import Blob
from core.studies.models import Patient, Study
from core.tenancy.sessions import all_tenants
from tests.conftest import World
from tests.core.intake.objects import changed, images, sample
from tests.core.intake.test_uploads import outcomes, send

CT, MR = sample(), sample("MR_small.dcm")


def rows_of(world: World, model: Any) -> list[Any]:
    with world.app.app_context(), all_tenants() as db:
        return list(db.scalars(sa.select(model).where(model.tenant_id == world.hospital.id).order_by(model.id)))


def test_another_patient_id_in_a_known_study_is_kept_and_not_shown(world: World) -> None:
    one, two = images(2)
    first = send(world, ("a.dcm", changed(one, PatientID="P1", PatientName="Zhang^San", PatientBirthDate="19700101")))
    assert outcomes(send(world, ("b.dcm", changed(two, PatientID="P2")))) == [("b.dcm", "held", "patient_conflict")]
    study = world.technician.call("GET", f"/studies/{first['files'][0]['study_id']}").get_json()
    assert (study["instance_count"], study["patient"]["id"]) == (1, "P1")
    assert [p.pid for p in rows_of(world, Patient)] == ["P1"]


def test_the_same_id_by_another_issuer_in_a_known_study_is_kept_and_not_shown(world: World) -> None:
    one, two = images(2)
    send(world, ("a.dcm", changed(one, PatientID="P1", IssuerOfPatientID="HIS-A")))
    found = send(world, ("b.dcm", changed(two, PatientID="P1", IssuerOfPatientID="HIS-B")))
    assert outcomes(found) == [("b.dcm", "held", "issuer_conflict")]
    assert found["files"][0]["text"] == "病人ID的发放机构不一致，待核对"


def test_what_is_held_keeps_its_bytes_and_the_same_bytes_are_held_once(world: World) -> None:
    one, two = images(2)
    other = changed(two, PatientID="P2")
    send(world, ("a.dcm", changed(one, PatientID="P1")))
    for name in ("b.dcm", "c.dcm"):
        assert outcomes(send(world, (name, other))) == [(name, "held", "patient_conflict")]
    (held,) = rows_of(world, HeldItem)
    blob = next(b for b in rows_of(world, Blob) if b.id == held.blob_id)
    with world.app.app_context():
        kept = world.app.house.blobs.read(storage_key(world.hospital.code, blob.sha256, blob.gen))
    assert kept == other


def test_an_image_for_a_study_in_the_bin_is_kept_and_the_study_stays_there(world: World) -> None:
    one, two = images(2)
    first = send(world, ("a.dcm", one))
    assert world.h_admin.call("DELETE", f"/studies/{first['files'][0]['study_id']}").status_code < 300
    assert outcomes(send(world, ("b.dcm", two))) == [("b.dcm", "held", "study_trashed")]
    assert rows_of(world, Study)[0].trashed_at is not None


def test_an_image_for_a_complete_study_is_stored_and_said_to_be_late(world: World) -> None:
    one, two = images(2)
    first = send(world, ("a.dcm", one))
    late = send(world, ("b.dcm", two))
    assert outcomes(late) == [("b.dcm", "stored", "late")]
    assert late["files"][0]["text"] == "补传影像"
    assert world.technician.call("GET", f"/studies/{first['files'][0]['study_id']}").get_json()["instance_count"] == 2


def test_the_same_image_in_another_encoding_is_known(world: World) -> None:
    dataset = dcmread(io.BytesIO(CT))
    dataset.compress(RLELossless, generate_instance_uid=False)
    out = io.BytesIO()
    dataset.save_as(out)
    send(world, ("plain.dcm", CT))
    assert outcomes(send(world, ("rle.dcm", out.getvalue()))) == [("rle.dcm", "duplicate", "same_content")]


def test_another_pixel_under_a_known_image_number_is_no_duplicate(world: World) -> None:
    send(world, ("a.dcm", CT))
    other = dcmread(io.BytesIO(CT))
    pixels = bytearray(other.PixelData)
    pixels[100] ^= 1
    found = send(world, ("b.dcm", changed(CT, PixelData=bytes(pixels))))
    assert outcomes(found) == [("b.dcm", "held", "sop_conflict")]


@pytest.mark.parametrize(
    ("name", "birth", "patients"),
    [
        ("Zhang^San", "19700101", 1),
        ("ZHANG^SAN", "", 1),
        ("Li^Si", "19700101", 1),                         # a name was corrected, the birth date agrees
        ("Zhang^San", "19810202", 1),                     # a birth date was corrected, the name agrees
        ("Li^Si", "19810202", 2),
    ],
)
def test_a_patient_id_is_the_same_person_when_name_or_birth_date_agrees(
    world: World, name: str, birth: str, patients: int
) -> None:
    send(world, ("a.dcm", changed(CT, PatientID="P1", PatientName="Zhang^San", PatientBirthDate="19700101")))
    send(world, ("b.dcm", changed(MR, PatientID="P1", PatientName=name, PatientBirthDate=birth)))
    found = rows_of(world, Patient)
    assert len(found) == patients
    assert [p.reconcile for p in found] == [False, True][:patients]
    assert (found[0].name, str(found[0].birth_date)) == ("Zhang San", "1970-01-01")


def test_two_people_without_a_patient_id_are_two_patients(world: World) -> None:
    send(world, ("a.dcm", changed(CT, PatientID="", PatientName="Zhang^San", PatientBirthDate="19700101")))
    send(world, ("b.dcm", changed(MR, PatientID="", PatientName="Li^Si", PatientBirthDate="19700101")))
    assert [p.reconcile for p in rows_of(world, Patient)] == [False, False]


@pytest.mark.parametrize("declared", ["ISO_IR 100", "", "ISO_IR 192", "GB18030"])
def test_a_chinese_name_in_gb18030_is_read_whatever_the_file_declares(world: World, declared: str) -> None:
    name = "张三丰".encode("gb18030")
    dataset = dcmread(io.BytesIO(CT))
    dataset.PatientName = "X" * len(name)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    out = io.BytesIO()
    dataset.save_as(out)
    data = out.getvalue().replace(b"X" * len(name), name)
    code, padded = b"\x08\x00\x05\x00CS", declared.encode() + b" " * (len(declared) % 2)
    data = data.replace(code + b"\x0a\x00ISO_IR 100", code + len(padded).to_bytes(2, "little") + padded)
    assert outcomes(send(world, ("a.dcm", data))) == [("a.dcm", "stored", "")]
    (patient,) = rows_of(world, Patient)
    assert (patient.name, patient.pinyin) == ("张三丰", "zhangsanfeng")


@pytest.mark.parametrize("other", ["MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm"])
def test_an_image_in_each_encoding_that_pydicom_ships_is_one_image(world: World, other: str) -> None:
    send(world, ("a.dcm", MR))
    assert outcomes(send(world, ("b.dcm", sample(other)))) == [("b.dcm", "duplicate", "same_content")]
