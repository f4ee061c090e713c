"""Files in steps by tus 1.0: cut anywhere, resumed, checked, refused before their bytes come."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Member, World
from tests.core.intake.objects import packed, sample
from tests.core.intake.test_uploads import MB, lower_limits, outcomes

DATA = sample()
HALF = len(DATA) // 2


def announce(member: Member, name: str, size: int | str, **headers: str) -> Any:
    text = base64.b64encode(name.encode()).decode()
    return member.call(
        "POST", "/uploads/tus",
        headers={
            "Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Upload-Metadata": f"filename {text}",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        },
    )


@dataclass
class Sending:
    """One file on its way."""

    member: Member
    path: str

    @property
    def id(self) -> str:
        return self.path.rpartition("/")[2]

    def patch(self, offset: int, part: bytes, **more: str) -> Any:
        return self.member.call(
            "PATCH", self.path, data=part, content_type="application/offset+octet-stream",
            headers={
                "Tus-Resumable": "1.0.0", "Upload-Offset": str(offset),
                **{k.replace("_", "-"): v for k, v in more.items()},
            },
        )

    def head(self, member: Member | None = None) -> Any:
        return (member or self.member).call("HEAD", self.path)

    def result(self) -> dict[str, Any]:
        return self.member.call("GET", f"/uploads/{self.id}").get_json()  # type: ignore[no-any-return]


def begin(world: World, name: str = "a.dcm", size: int = len(DATA)) -> Sending:
    made = announce(world.technician, name, size)
    assert made.status_code == 201, made.get_json()
    return Sending(world.technician, made.headers["Location"].partition(f"/t/{world.hospital.code}")[2])


@pytest.mark.feature("S-026")
def test_a_file_sent_in_steps_is_processed_when_its_last_byte_is_there(world: World) -> None:
    sending = begin(world, "步骤.dcm")
    assert sending.patch(0, DATA[:HALF]).headers["Upload-Offset"] == str(HALF)
    assert sending.result()["state"] == "receiving"
    assert sending.head().headers["Upload-Offset"] == str(HALF)
    assert sending.patch(HALF, DATA[HALF:]).status_code == 204
    assert sending.result()["state"] == "processing"
    world.drain()
    assert outcomes(sending.result()) == [("步骤.dcm", "stored", "")]


def test_a_part_whose_checksum_differs_adds_nothing(world: World) -> None:
    sending = begin(world)
    for name in ("sha1", "sha256"):
        wrong = base64.b64encode(hashlib.new(name, b"x").digest()).decode()
        assert sending.patch(0, DATA[:HALF], Upload_Checksum=f"{name} {wrong}").status_code == 460
    assert sending.head().headers["Upload-Offset"] == "0"
    right = base64.b64encode(hashlib.sha1(DATA[:HALF]).digest()).decode()
    assert sending.patch(0, DATA[:HALF], Upload_Checksum=f"sha1 {right}").status_code == 204
    assert sending.patch(HALF, DATA[HALF:], Upload_Checksum="md5 AAAA").status_code == 422


def test_a_part_for_another_offset_is_refused_and_changes_nothing(world: World) -> None:
    sending = begin(world)
    sending.patch(0, DATA[:HALF])
    assert sending.patch(0, b"\x00" * HALF).status_code == 409
    assert sending.patch(HALF + 1, DATA[HALF + 1 :]).status_code == 409
    assert sending.patch(HALF, DATA[HALF:]).status_code == 204
    world.drain()
    assert outcomes(sending.result()) == [("a.dcm", "stored", "")]


def test_more_bytes_than_announced_are_refused(world: World) -> None:
    sending = begin(world)
    assert sending.patch(0, DATA + b"\x00").status_code == 413
    assert sending.head().headers["Upload-Offset"] == "0"


def test_a_client_that_missed_the_last_answer_learns_that_all_is_there(world: World) -> None:
    sending = begin(world)
    sending.patch(0, DATA)
    assert sending.head().headers["Upload-Offset"] == str(len(DATA))
    world.drain()
    assert sending.head().headers["Upload-Offset"] == str(len(DATA))
    assert sending.patch(0, DATA).status_code == 409
    assert sending.patch(len(DATA), b"").status_code == 409
    assert outcomes(sending.result()) == [("a.dcm", "stored", "")]


def test_nobody_else_sees_or_touches_a_file_on_its_way(world: World) -> None:
    sending = begin(world)
    assert sending.head(world.doctor).status_code == 404
    other = Sending(world.h_admin, sending.path)
    assert other.patch(0, DATA[:HALF]).status_code == 404
    assert world.h_admin.call("DELETE", sending.path).status_code == 404
    assert sending.head().headers["Upload-Offset"] == "0"


def test_a_file_that_is_taken_back_is_gone_and_a_complete_one_stays(world: World) -> None:
    sending, complete = begin(world), begin(world, "b.dcm")
    sending.patch(0, DATA[:HALF])
    part = world.app.house.config.uploads / world.hospital.code / f"{sending.id}.part"
    assert part.stat().st_size == HALF
    assert world.technician.call("DELETE", sending.path).status_code == 204
    assert sending.head().status_code == 404
    assert not part.exists()
    complete.patch(0, DATA)
    assert world.technician.call("DELETE", complete.path).status_code == 409


@pytest.mark.feature("S-028")
@pytest.mark.parametrize(("name", "limit"), [("a.dcm", 20 * MB), ("a.zip", 500 * MB)])
def test_a_file_of_the_limit_is_refused_before_its_bytes_come(world: World, name: str, limit: int) -> None:
    refused = announce(world.technician, name, limit)
    assert refused.status_code == 413
    assert refused.get_json()["reason"] == name[2:] + "_too_big"
    assert announce(world.technician, name, limit - 1).status_code == 201


@pytest.mark.feature("S-028")
def test_a_hospital_that_lowered_its_limit_is_obeyed(world: World) -> None:
    lower_limits(world)
    assert announce(world.technician, "a.dcm", MB).status_code == 413
    assert announce(world.technician, "a.dcm", MB - 1).status_code == 201


@pytest.mark.feature("S-027")
def test_another_kind_of_file_is_refused_before_its_bytes_come(world: World) -> None:
    refused = announce(world.technician, "a.exe", 10)
    assert (refused.status_code, refused.get_json()["reason"]) == (415, "wrong_kind")


@pytest.mark.parametrize("size", ["", "-1", "1.5", "many"])
def test_a_length_that_is_no_number_is_refused(world: World, size: str) -> None:
    assert announce(world.technician, "a.dcm", size).status_code == 422


def test_an_empty_file_is_refused_as_such(world: World) -> None:
    sending = begin(world, size=0)
    world.drain()
    assert outcomes(sending.result()) == [("a.dcm", "refused", "empty")]


def test_another_version_of_the_protocol_is_refused(world: World) -> None:
    refused = announce(world.technician, "a.dcm", 10, Tus_Resumable="0.2.2")
    assert (refused.status_code, refused.headers["Tus-Resumable"]) == (412, "1.0.0")


def test_the_server_says_what_it_speaks(world: World) -> None:
    said = world.technician.call("OPTIONS", "/uploads/tus")
    assert said.status_code == 204
    assert said.headers["Tus-Extension"] == "creation,checksum,termination"
    assert said.headers["Tus-Max-Size"] == str(500 * MB - 1)


def test_a_zip_in_steps_is_opened(world: World) -> None:
    data = packed({"in/one.dcm": DATA, "in/two.dcm": sample("MR_small.dcm")})
    sending = begin(world, "两个.zip", len(data))
    sending.patch(0, data)
    world.drain()
    assert outcomes(sending.result()) == [
        ("两个.zip/in/one.dcm", "stored", ""), ("两个.zip/in/two.dcm", "stored", "")
    ]




def test_bytes_of_another_media_type_are_refused(world: World) -> None:
    sending = begin(world)
    answer = world.technician.call(
        "PATCH", sending.path, data=DATA, content_type="application/octet-stream", headers={"Upload-Offset": "0"}
    )
    assert answer.status_code == 415
    assert sending.head().headers["Upload-Offset"] == "0"


def test_a_file_of_another_hospital_does_not_exist(world: World, make_world: Any) -> None:
    sending = begin(world)
    other = Sending(make_world().technician, sending.path)
    assert other.head().status_code == 404
    assert other.patch(0, DATA).status_code == 404
    assert other.member.call("DELETE", other.path).status_code == 404
    assert sending.head().headers["Upload-Offset"] == "0"


@pytest.mark.feature("S-028")
@pytest.mark.parametrize(
    ("name", "size", "sentence"),
    [
        ("a.dcm", 20 * MB, "单个 dcm 应小于 20 MB"), ("a.zip", 500 * MB, "单个 zip 应小于 500 MB"),
        ("报告.pdf", 10, "只接受 dcm 和 zip"),
    ],
)
def test_a_refusal_before_the_bytes_says_why_in_words(world: World, name: str, size: int, sentence: str) -> None:
    assert announce(world.technician, name, size).get_json()["detail"] == sentence


def test_a_file_in_many_pieces_is_whole_in_the_end(world: World) -> None:
    sending = begin(world)
    for at in range(0, len(DATA), 5_000):
        answer = sending.patch(at, DATA[at : at + 5_000])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(min(at + 5_000, len(DATA))))
        assert answer.headers["Tus-Resumable"] == "1.0.0"
    world.drain()
    assert outcomes(sending.result()) == [("a.dcm", "stored", "")]


def test_of_several_writers_at_one_offset_one_wins_and_the_bytes_are_its(world: World) -> None:
    pieces = [bytes([n]) * 200_000 for n in range(8)]
    sending = begin(world, size=400_000)
    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(lambda piece: sending.patch(0, piece).status_code, pieces))
    assert sorted(codes) == [204] + [409] * 7
    part = world.app.house.config.uploads / world.hospital.code / f"{sending.id}.part"
    assert part.read_bytes() == pieces[codes.index(204)]
    assert sending.head().headers["Upload-Offset"] == "200000"
