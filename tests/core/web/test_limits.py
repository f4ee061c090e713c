"""Each limit at its value and one past it, where it is enforced."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from core import limits
from core.intake.child import Parser
from core.intake.zips import ZipRefused, open_zip
from core.studies.models import Study
from plugin_sdk.dicom.refusals import HeldBack, Refused
from tests.conftest import World
from tests.contract.stage import png

MB = 1024 * 1024


def test_the_values_are_those_of_the_security_chapter() -> None:
    usual = limits.read({})
    assert (usual.body, usual.tus_chunk, usual.page_rows, usual.search_rows) == (MB, 64 * MB, 500, 100)
    assert (usual.header_fields, usual.form_parts, usual.zip_entries, usual.zip_inflated) == (100, 100, 50_000, 20 * 1024 * MB)
    assert (usual.child_memory, usual.child_cpu) == (2 * 1024 * MB, 20)
    assert (usual.api_calls, usual.image_calls, usual.login_calls) == (600, 300, 20)
    assert (usual.export_rows, usual.link_calls, usual.passcode_tries) == (50_000, 60, 5)


def test_an_operator_moves_a_limit_by_the_environment() -> None:
    env = {"TELERAD_LIMIT_PAGE_ROWS": "200", "TELERAD_LIMIT_API_CALLS": "0", "HOME": "/root"}
    assert (limits.read(env).page_rows, limits.read(env).api_calls, limits.read(env).body) == (200, 0, MB)
    shown = {name: (value, origin) for name, value, origin in limits.shown(env)}
    assert shown["page_rows"] == (200, "TELERAD_LIMIT_PAGE_ROWS")
    assert shown["body"] == (MB, "default")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("TELERAD_LIMIT_PAGE_ROW", "200", "TELERAD_LIMIT_PAGE_ROW: no such limit"),
     ("TELERAD_LIMIT_PAGE_ROWS", "many", "TELERAD_LIMIT_PAGE_ROWS: a whole number of at least 1"),
     ("TELERAD_LIMIT_PAGE_ROWS", "-1", "TELERAD_LIMIT_PAGE_ROWS: a whole number of at least 1"),
     ("TELERAD_LIMIT_PAGE_ROWS", "0", "TELERAD_LIMIT_PAGE_ROWS: a whole number of at least 1"),
     ("TELERAD_LIMIT_CHILD_MEMORY", "1000", "TELERAD_LIMIT_CHILD_MEMORY: a whole number of at least 268435456")],
)
def test_a_limit_that_cannot_be_one_stops_the_start(variable: str, value: str, said: str) -> None:
    with pytest.raises(limits.BadLimit) as caught:
        limits.read({variable: value})
    assert caught.value.sentence == said


@pytest.mark.parametrize(("size", "status"), [(MB, 422), (MB + 1, 413)])
def test_a_json_body_may_have_one_megabyte(world: World, size: int, status: int) -> None:
    body = json.dumps({"unknown": 1}).encode()
    answer = world.doctor.call("POST", "/requests", data=body + b" " * (size - len(body)), content_type="application/json")
    assert (answer.status_code, answer.get_json()["status"]) == (status, status)


@pytest.mark.parametrize(("size", "status"), [(10, 204), (11, 413)])
def test_a_piece_of_a_resumable_upload_is_bounded(world: World, size: int, status: int) -> None:
    headers = {"Upload-Length": "100", "Upload-Metadata": "filename YS5kY20="}
    where = world.technician.call("POST", "/uploads/tus", headers=headers).headers["Location"]
    with limits.changed(tus_chunk=10):
        answer = world.technician.call(
            "PATCH", "/uploads/tus/" + where.rpartition("/")[2], headers={"Upload-Offset": "0"}, data=b"x" * size,
            content_type="application/offset+octet-stream",
        )
    assert answer.status_code == status


@pytest.mark.parametrize(("files", "status"), [(3, 202), (4, 413)])
def test_one_upload_has_only_so_many_files(world: World, files: int, status: int) -> None:
    with limits.changed(upload_files=3):
        answer = world.technician.call("POST", "/uploads", data={"file": [(io.BytesIO(b"x"), f"{n}.dcm") for n in range(files)]})
    assert answer.status_code == status


def test_one_upload_has_only_so_many_bytes(world: World) -> None:
    def send(most: int) -> int:
        with limits.changed(upload_request=most):
            return world.technician.call("POST", "/uploads", data={"file": (io.BytesIO(b"x" * 5000), "a.dcm")}).status_code

    assert (send(6000), send(5000)) == (202, 413)


def test_a_key_images_request_is_bounded(world: World, make_study: Callable[..., Study]) -> None:
    body = {"study_id": make_study(world).public_id, "group": world.group.code, "parts": [{"name": "胸部"}]}
    made = world.doctor.call("POST", "/requests", body).get_json()
    assert world.reader.call("POST", f"/requests/{made['id']}/accept", {"version": made["version"]}).status_code == 200

    def send(most: int) -> int:
        with limits.changed(capture_request=most):
            return world.reader.call("POST", f"/requests/{made['id']}/captures", data={"file": (png(), "a.png")}).status_code

    assert (send(2000), send(100)) == (201, 413)


@pytest.mark.parametrize(("parts", "status"), [(100, 400), (101, 413)])
def test_a_form_has_only_so_many_parts(world: World, parts: int, status: int) -> None:
    """400: the page's token is looked for in the form and is not there."""
    fields = {f"f{n}": "1" for n in range(parts)}
    answer = world.doctor.client().post("/language", data=fields, content_type="multipart/form-data")
    assert answer.status_code == status


@pytest.mark.parametrize(("entries", "reason"), [(3, ""), (4, "zip_too_many")])
def test_a_zip_has_only_so_many_entries(tmp_path: Path, entries: int, reason: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for n in range(entries):
            archive.writestr(f"{n}.dcm", b"x")
    with limits.changed(zip_entries=3):
        assert _opened(tmp_path / "a.zip") == reason


@pytest.mark.parametrize(("size", "reason"), [(1000, ""), (1001, "zip_inflates_too_far")])
def test_a_zip_inflates_only_so_far(tmp_path: Path, size: int, reason: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.dcm", b"x" * size)
    with limits.changed(zip_inflated=1000):
        assert _opened(tmp_path / "a.zip") == reason


def _opened(path: Path) -> str:
    try:
        with open_zip(path) as archive:
            for entry in archive:
                b"".join(entry.chunks())
    except ZipRefused as refused:
        return refused.reason
    return ""


def test_a_page_of_a_list_has_only_so_many_rows(world: World) -> None:
    def ask(limit: str) -> int:
        return world.doctor.call("GET", f"/studies?limit={limit}").status_code

    assert [ask(n) for n in ("1", "100", "101", "0", "-1", "x", "٣", "9" * 30)] == [200, 200, 422, 422, 422, 422, 422, 422]


def test_a_childs_bounds_are_the_operators(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"no image")
    with limits.changed(child_memory=900 * MB, child_cpu=7), Parser() as parser:
        with pytest.raises((Refused, HeldBack)):
            parser.parse(tmp_path / "a.dcm")
        said = Path(f"/proc/{parser.pid}/limits").read_text(encoding="ascii")
    assert "Max address space         943718400" in said
    assert "Max cpu time              8 " in said or "Max cpu time              9 " in said


def test_every_limit_is_read_where_something_is_refused() -> None:
    """A limit that nothing asks for is a promise that nobody keeps."""
    root = Path(limits.__file__).parent.parent
    code = "\n".join(
        p.read_text(encoding="utf-8") for part in ("core", "plugins") for p in (root / part).rglob("*.py") if p.name != "limits.py"
    )
    unread = [f.name for f in fields(limits.Limits) if not re.search(rf"\.{f.name}\b|\"{f.name}\"", code)]
    assert unread == []
