"""Files through the API: each gets one outcome, the sum adds up, limits are the server's."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from core.intake.settings import Intake
from core.tenancy import settings
from core.tenancy.sessions import all_tenants
from tests.conftest import World

MB = 1024 * 1024


def sample(name: str = "CT_small.dcm") -> bytes:
    with open(str(get_testdata_file(name)), "rb") as file:
        return file.read()


def changed(data: bytes, **values: Any) -> bytes:
    dataset = dcmread(io.BytesIO(data))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    if "SOPInstanceUID" in values:
        dataset.file_meta.MediaStorageSOPInstanceUID = values["SOPInstanceUID"]
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def send(world: World, *files: tuple[str, bytes]) -> dict[str, Any]:
    data = {"file": [(io.BytesIO(content), name) for name, content in files]}
    answer = world.technician.call("POST", "/uploads", data=data, content_type="multipart/form-data")
    assert answer.status_code == 202, answer.get_json()
    world.drain()
    return world.technician.call("GET", f"/uploads/{answer.get_json()['id']}").get_json()


def outcomes(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(f["name"], f["outcome"], f["reason"]) for f in result["files"]]


def lower_limits(world: World) -> None:
    with world.app.app_context(), all_tenants(write=True) as db:
        settings.store(db, Intake, world.hospital.id, by=0, dcm_max_mb=1, zip_max_mb=1)


@pytest.mark.feature("S-026")
def test_a_file_is_stored_once_and_a_second_time_it_is_known(world: World) -> None:
    first = send(world, ("a.dcm", sample()))
    assert first["state"] == "done"
    assert first["counts"] == {"files": 1, "stored": 1, "duplicate": 0, "held": 0, "refused": 0}
    again = send(world, ("b.dcm", sample()))
    assert outcomes(again) == [("b.dcm", "duplicate", "same_bytes")]
    study = world.technician.call("GET", f"/studies/{first['files'][0]['study_id']}").get_json()
    assert (study["instance_count"], study["series_count"], study["complete"]) == (1, 1, True)


@pytest.mark.feature("S-027")
def test_each_file_of_a_mixed_batch_gets_its_own_outcome_and_the_sum_adds_up(world: World) -> None:
    result = send(
        world, ("ct.dcm", sample()), ("mr.dcm", sample("MR_small.dcm")), ("notes.txt", b"hello"), ("empty.dcm", b""),
        ("noise.dcm", b"\x00" * 400), ("cut.dcm", sample()[:-2000]),
    )
    assert dict((n, (o, r)) for n, o, r in outcomes(result)) == {
        "ct.dcm": ("stored", ""),
        "mr.dcm": ("stored", ""),
        "notes.txt": ("refused", "wrong_kind"),
        "empty.dcm": ("refused", "empty"),
        "noise.dcm": ("refused", "not_dicom"),
        "cut.dcm": ("held", "truncated"),
    }
    counts = result["counts"]
    assert counts["files"] == counts["stored"] + counts["duplicate"] + counts["held"] + counts["refused"] == 6
    assert next(f["text"] for f in result["files"] if f["name"] == "notes.txt") == "只接受 dcm 和 zip"


@pytest.mark.feature("S-028")
def test_a_dcm_of_exactly_the_limit_is_refused_and_one_byte_less_is_not(world: World) -> None:
    lower_limits(world)
    pad = lambda size: sample() + b"\x00" * (size - len(sample()))  # noqa: E731
    result = send(world, ("at.dcm", pad(MB)), ("below.dcm", pad(MB - 1)))
    found = {n: (o, r) for n, o, r in outcomes(result)}
    assert found["at.dcm"] == ("refused", "dcm_too_big")
    assert found["below.dcm"][1] != "dcm_too_big"
    assert next(f["text"] for f in result["files"] if f["name"] == "at.dcm") == "单个 dcm 应小于 1 MB"


@pytest.mark.feature("S-028")
def test_the_limits_start_at_20_and_500_mb_strictly_below() -> None:
    limits = Intake()
    assert limits.allows("dcm", 20 * MB - 1) and not limits.allows("dcm", 20 * MB)
    assert limits.allows("zip", 500 * MB - 1) and not limits.allows("zip", 500 * MB)


@pytest.mark.feature("S-027")
def test_the_good_files_of_a_zip_are_stored_and_the_others_named(world: World) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("one.dcm", sample())
        archive.writestr("../up.dcm", sample("MR_small.dcm"))
        archive.writestr("inner.zip", b"PK\x05\x06" + b"\x00" * 18)
        archive.writestr("__MACOSX/junk", b"x")
        archive.writestr("readme.txt", b"hello")
    result = send(world, ("all.zip", packed.getvalue()))
    found = {n.partition("/")[2]: (o, r) for n, o, r in outcomes(result)}
    assert found["one.dcm"] == ("stored", "")
    assert ("refused", "zip_path") in found.values()
    assert found["inner.zip"] == ("refused", "zip_nested")
    assert found["readme.txt"] == ("refused", "not_dicom")
    assert result["counts"]["files"] == 4


def test_a_zip_that_is_broken_is_one_line(world: World) -> None:
    result = send(world, ("bad.zip", b"PK\x03\x04 this is no archive"))
    assert outcomes(result) == [("bad.zip", "refused", "zip_broken")]


def test_other_bytes_under_a_known_image_number_are_kept_and_not_shown(world: World) -> None:
    first = send(world, ("a.dcm", sample()))
    other = send(world, ("b.dcm", changed(sample(), SeriesDescription="other text")))
    assert outcomes(other) == [("b.dcm", "held", "sop_conflict")]
    study = world.technician.call("GET", f"/studies/{first['files'][0]['study_id']}").get_json()
    assert study["instance_count"] == 1


def test_the_same_patient_id_with_another_name_and_birth_date_is_a_second_patient(world: World) -> None:
    send(world, ("a.dcm", changed(sample(), PatientID="P1", PatientName="Zhang^San", PatientBirthDate="19700101")))
    other = changed(
        sample("MR_small.dcm"), PatientID="P1", PatientName="Li^Si", PatientBirthDate="19810202",
    )
    assert outcomes(send(world, ("b.dcm", other))) == [("b.dcm", "stored", "second_patient")]


@pytest.mark.feature("S-029")
def test_a_missing_exam_number_or_patient_id_never_blocks(world: World) -> None:
    result = send(world, ("a.dcm", changed(sample(), AccessionNumber="", PatientID="")))
    assert outcomes(result) == [("a.dcm", "stored", "")]


def test_an_upload_of_another_hospital_does_not_exist(world: World, make_world: Any) -> None:
    stranger = make_world()
    upload = send(world, ("a.dcm", sample()))
    assert stranger.technician.call("GET", f"/uploads/{upload['id']}").status_code == 404


def test_a_file_sent_in_steps_is_processed_when_its_last_byte_is_there(world: World) -> None:
    data = sample()
    name = base64.b64encode("步骤.dcm".encode()).decode()
    made = world.technician.call(
        "POST", "/uploads/tus", headers={"Upload-Length": str(len(data)), "Upload-Metadata": f"filename {name}"}
    )
    assert made.status_code == 201
    path = made.headers["Location"].partition(f"/t/{world.hospital.code}")[2]
    half = len(data) // 2

    def patch(offset: int, part: bytes, **more: str) -> Any:
        return world.technician.call(
            "PATCH", path, data=part, content_type="application/offset+octet-stream",
            headers={"Upload-Offset": str(offset), **{k.replace("_", "-"): v for k, v in more.items()}},
        )

    wrong = "sha256 " + base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    assert patch(0, data[:half], Upload_Checksum=wrong).status_code == 460
    assert patch(0, data[:half]).headers["Upload-Offset"] == str(half)
    assert patch(0, data[:half]).status_code == 409
    assert world.technician.call("HEAD", path).headers["Upload-Offset"] == str(half)
    assert world.doctor.call("HEAD", path).status_code == 404
    assert patch(half, data[half:]).status_code == 204
    world.drain()
    result = world.technician.call("GET", f"/uploads/{path.rpartition('/')[2]}").get_json()
    assert outcomes(result) == [("步骤.dcm", "stored", "")]


def test_a_file_that_is_too_big_or_of_the_wrong_kind_is_refused_before_its_bytes_come(world: World) -> None:
    lower_limits(world)

    def announce(name: str, size: int) -> Any:
        text = base64.b64encode(name.encode()).decode()
        return world.technician.call(
            "POST", "/uploads/tus", headers={"Upload-Length": str(size), "Upload-Metadata": f"filename {text}"}
        )

    assert (announce("a.dcm", MB).status_code, announce("a.dcm", MB - 1).status_code) == (413, 201)
    assert announce("a.exe", 10).status_code == 415
