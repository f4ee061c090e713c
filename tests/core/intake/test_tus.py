"""One file in steps by tus 1.0: what was acknowledged is never sent again, what was not is never counted."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.conftest import Member, World
from tests.core.intake.sending import MB, lower_limits, outcomes, result, sample

pytestmark = pytest.mark.feature("S-026")
BYTES = "application/offset+octet-stream"


def announce(world: World, name: str, size: int | str) -> TestResponse:
    text = base64.b64encode(name.encode()).decode()
    return world.technician.call(
        "POST", "/uploads/tus", headers={"Upload-Length": str(size), "Upload-Metadata": f"filename {text}"}
    )


@dataclass
class Part:
    """A file that is being sent."""

    world: World
    path: str

    @property
    def id(self) -> str:
        return self.path.rpartition("/")[2]

    def ask(self, who: Member | None = None) -> TestResponse:
        return (who or self.world.technician).call("HEAD", self.path)

    def patch(self, offset: int, data: bytes, who: Member | None = None, **headers: str) -> TestResponse:
        given = {"Upload-Offset": str(offset), **{k.replace("_", "-"): v for k, v in headers.items()}}
        return (who or self.world.technician).call("PATCH", self.path, data=data, content_type=BYTES, headers=given)

    def result(self) -> dict[str, Any]:
        self.world.drain()
        return result(self.world, self.id)


def begin(world: World, data: bytes, name: str = "a.dcm") -> Part:
    made = announce(world, name, len(data))
    assert made.status_code == 201, made.get_json()
    assert made.headers["Tus-Resumable"] == "1.0.0"
    return Part(world, made.headers["Location"].partition(f"/t/{world.hospital.code}")[2])


def checksum(name: str, data: bytes) -> str:
    return f"{name} {base64.b64encode(hashlib.new(name, data).digest()).decode()}"


def test_a_file_in_pieces_is_processed_when_its_last_byte_is_there(world: World) -> None:
    data = sample()
    part = begin(world, data, "步骤 一.dcm")
    assert part.ask().headers["Upload-Offset"] == "0"
    for at in range(0, len(data), 10_000):
        piece = data[at : at + 10_000]
        assert part.result()["state"] == "receiving"
        answer = part.patch(at, piece)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(at + len(piece)))
    done = part.result()
    assert done["state"] == "done"
    assert outcomes(done) == [("步骤 一.dcm", "stored", "")]


def test_a_piece_at_another_offset_is_refused_and_changes_nothing(world: World) -> None:
    data = sample()
    part = begin(world, data)
    assert part.patch(0, data[:100]).status_code == 204
    for offset in (0, 99, 101, len(data)):
        assert part.patch(offset, data[offset : offset + 50]).status_code == 409
    assert part.ask().headers["Upload-Offset"] == "100"
    assert part.patch(100, data[100:]).status_code == 204
    assert outcomes(part.result()) == [("a.dcm", "stored", "")]


@pytest.mark.parametrize("name", ["sha1", "sha256"])
def test_a_piece_whose_checksum_differs_is_not_added(world: World, name: str) -> None:
    data = sample()
    part = begin(world, data)
    assert part.patch(0, data[:500], Upload_Checksum=checksum(name, data[1:501])).status_code == 460
    assert part.ask().headers["Upload-Offset"] == "0"
    assert part.patch(0, data[:500], Upload_Checksum=checksum(name, data[:500])).status_code == 204
    assert part.patch(500, data[500:], Upload_Checksum=checksum(name, data[500:])).status_code == 204
    assert outcomes(part.result()) == [("a.dcm", "stored", "")]


def test_a_checksum_that_nobody_knows_is_refused(world: World) -> None:
    part = begin(world, sample())
    assert part.patch(0, b"x", Upload_Checksum="md4 abcd").status_code == 422
    assert part.ask().headers["Upload-Offset"] == "0"


def test_more_bytes_than_announced_are_refused(world: World) -> None:
    part = begin(world, sample())
    assert part.patch(0, sample() + b"x").status_code == 413
    assert part.ask().headers["Upload-Offset"] == "0"


def test_bytes_of_another_media_type_are_refused(world: World) -> None:
    part = begin(world, sample())
    answer = world.technician.call(
        "PATCH", part.path, data=sample(), content_type="application/octet-stream", headers={"Upload-Offset": "0"}
    )
    assert answer.status_code == 415


@pytest.mark.feature("S-028")
def test_a_dcm_of_the_limit_is_refused_before_its_bytes_come_and_one_byte_less_is_not(world: World) -> None:
    assert announce(world, "a.dcm", 20 * MB - 1).status_code == 201
    refused = announce(world, "a.dcm", 20 * MB)
    assert (refused.status_code, refused.get_json()["reason"]) == (413, "dcm_too_big")
    assert refused.get_json()["detail"] == "单个 dcm 应小于 20 MB"


@pytest.mark.feature("S-028")
def test_a_zip_of_the_limit_is_refused_before_its_bytes_come_and_one_byte_less_is_not(world: World) -> None:
    assert announce(world, "a.zip", 500 * MB - 1).status_code == 201
    refused = announce(world, "a.zip", 500 * MB)
    assert (refused.status_code, refused.get_json()["reason"]) == (413, "zip_too_big")
    assert refused.get_json()["detail"] == "单个 zip 应小于 500 MB"


@pytest.mark.feature("S-028")
def test_a_lower_limit_of_the_hospital_counts(world: World) -> None:
    lower_limits(world)
    assert announce(world, "a.dcm", MB - 1).status_code == 201
    assert announce(world, "a.dcm", MB).get_json()["detail"] == "单个 dcm 应小于 1 MB"


@pytest.mark.feature("S-027")
def test_a_file_of_the_wrong_kind_is_refused_before_its_bytes_come(world: World) -> None:
    refused = announce(world, "报告.pdf", 10)
    assert (refused.status_code, refused.get_json()["detail"]) == (415, "只接受 dcm 和 zip")


@pytest.mark.parametrize("size", ["-1", "many", ""])
def test_a_length_that_is_no_length_is_refused(world: World, size: str) -> None:
    assert announce(world, "a.dcm", size).status_code == 422


def test_an_empty_file_is_done_at_once_and_refused(world: World) -> None:
    part = begin(world, b"")
    assert outcomes(part.result()) == [("a.dcm", "refused", "empty")]


def test_a_file_that_is_taken_back_is_gone_with_its_bytes(world: World) -> None:
    part = begin(world, sample())
    assert part.patch(0, sample()[:1000]).status_code == 204
    stored = list((world.app.house.config.uploads / world.hospital.code).glob("*.part"))
    assert len(stored) == 1
    assert world.technician.call("DELETE", part.path).status_code == 204
    assert part.ask().status_code == 404
    assert part.patch(1000, b"x").status_code == 404
    assert not stored[0].exists()


def test_a_file_that_is_complete_cannot_be_taken_back(world: World) -> None:
    part = begin(world, sample())
    assert part.patch(0, sample()).status_code == 204
    assert world.technician.call("DELETE", part.path).status_code == 409
    assert outcomes(part.result()) == [("a.dcm", "stored", "")]


def test_a_sender_whose_answer_was_lost_asks_and_goes_on(world: World) -> None:
    data = sample()
    part = begin(world, data)
    assert part.patch(0, data[:5000]).status_code == 204      # nobody heard this
    assert part.patch(0, data[:5000]).status_code == 409
    offset = int(part.ask().headers["Upload-Offset"])
    assert part.patch(offset, data[offset:]).status_code == 204
    assert outcomes(part.result()) == [("a.dcm", "stored", "")]


def test_a_sender_whose_last_answer_was_lost_learns_that_the_file_is_complete(world: World) -> None:
    data = sample()
    part = begin(world, data)
    assert part.patch(0, data).status_code == 204
    for _ in range(2):
        answer = part.ask()
        assert answer.status_code == 200
        assert answer.headers["Upload-Offset"] == answer.headers["Upload-Length"] == str(len(data))
        assert outcomes(part.result()) == [("a.dcm", "stored", "")]
    assert part.patch(0, data).status_code == 409


def test_another_person_of_the_hospital_cannot_touch_a_file_that_is_being_sent(world: World) -> None:
    data = sample()
    part = begin(world, data)
    assert part.patch(0, data[:100]).status_code == 204
    assert part.ask(world.doctor).status_code == 404
    assert part.patch(100, data[100:], world.doctor).status_code == 404
    assert world.doctor.call("DELETE", part.path).status_code == 404
    assert part.ask().headers["Upload-Offset"] == "100"


def test_a_file_of_another_hospital_does_not_exist(world: World, make_world: Any) -> None:
    part, stranger = begin(world, sample()), make_world()
    assert part.ask(stranger.technician).status_code == 404
    assert part.patch(0, sample(), stranger.technician).status_code == 404
    assert stranger.technician.call("DELETE", part.path).status_code == 404


def test_what_the_server_speaks_is_told_before_anything_is_sent(world: World) -> None:
    answer = world.technician.call("OPTIONS", "/uploads/tus")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {"creation", "checksum", "termination"}
    assert answer.headers["Tus-Max-Size"] == str(500 * MB - 1)
