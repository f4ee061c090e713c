"""A body is read after its sender was let through, never before."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.conftest import World, csrf

BODY = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.dcm"\r\n\r\n' + b"\0" * 5_000_000 + b"\r\n--x--\r\n"


class Counted(io.BytesIO):
    """A body that knows how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self.taken += count
        return count


def post(client: Any, path: str, token: str) -> tuple[int, int]:
    """Send BODY as a page does. :return: status, and bytes of the body that were read"""
    body = Counted(BODY)
    answer = client.post(
        path, input_stream=body, content_type="multipart/form-data; boundary=x",
        headers={"X-CSRFToken": token, "Content-Length": str(len(BODY))},
    )
    return answer.status_code, body.taken


@pytest.mark.parametrize("person", ["reader", "h_admin"])
def test_nothing_of_a_body_is_read_for_whom_the_page_does_not_exist(
    world: World, make_world: Any, person: str
) -> None:
    client = make_world().people[person].browser()
    assert post(client, f"/api/v1/t/{world.hospital.code}/uploads", csrf(client, "/me")) == (404, 0)


def test_nothing_of_a_body_is_read_when_its_token_is_wrong(world: World) -> None:
    assert post(world.technician.browser(), f"/api/v1/t/{world.hospital.code}/uploads", "wrong") == (400, 0)


def test_the_body_of_a_page_that_was_let_through_is_read_whole(world: World) -> None:
    client = world.technician.browser()
    assert post(client, f"/api/v1/t/{world.hospital.code}/uploads", csrf(client, "/me")) == (202, len(BODY))
