"""Files through the API: each gets one outcome, the sum adds up, limits are the server's."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core.intake.settings import Intake
from core.tenancy import settings
from core.tenancy.sessions import all_tenants
from tests.conftest import World
from tests.core.intake.objects import changed, packed, sample

MB = 1024 * 1024


def send(world: World, *files: tuple[str, bytes]) -> dict[str, Any]:
    data = {"file": [(io.BytesIO(content), name) for name, content in files]}
    answer = world.technician.call("POST", "/uploads", data=data, content_type="multipart/form-data")
    assert answer.status_code == 202, answer.get_json()
    world.drain()
    found: dict[str, Any] = world.technician.call("GET", f"/uploads/{answer.get_json()['id']}").get_json()
    return found


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
    result = send(world, ("at.dcm", sample().ljust(MB, b"\0")), ("below.dcm", sample().ljust(MB - 1, b"\0")))
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
    entries = {
        "one.dcm": sample(), "../up.dcm": sample("MR_small.dcm"), "inner.zip": b"PK\x05\x06" + b"\x00" * 18,
        "__MACOSX/junk": b"x", "readme.txt": b"hello",
    }
    result = send(world, ("all.zip", packed(entries)))
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


@pytest.mark.feature("S-028")
def test_the_limit_of_a_zip_is_the_zips_and_its_entries_have_none_of_their_own(world: World) -> None:
    lower_limits(world)
    whole = packed({"a.dcm": sample()})
    at = whole + b"\x00" * (MB - len(whole))
    found = outcomes(send(world, ("at.zip", at), ("below.zip", at[:-1])))
    assert found[0] == ("at.zip", "refused", "zip_too_big")
    assert found[1][2] != "zip_too_big"
    squeezed = io.BytesIO()
    with zipfile.ZipFile(squeezed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.dcm", changed(sample(), Rows=1024, Columns=1024, PixelData=b"\x00\x01" * MB))
    assert outcomes(send(world, ("big.zip", squeezed.getvalue()))) == [("big.zip/big.dcm", "stored", "")]


@pytest.mark.feature("S-028")
def test_a_dcm_of_20_mb_is_refused_and_one_byte_less_is_looked_at(world: World, tmp_path: Path) -> None:
    found = {}
    for size in (20 * MB, 20 * MB - 1):
        path = tmp_path / f"{size}.dcm"
        with path.open("wb") as file:
            file.truncate(size)
        found[size] = outcomes(send(world, (path.name, path.read_bytes())))[0][1:]
    assert found == {20 * MB: ("refused", "dcm_too_big"), 20 * MB - 1: ("refused", "not_dicom")}
