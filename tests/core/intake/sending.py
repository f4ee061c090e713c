"""Objects to send, and how: what the tests of intake share."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.data import get_testdata_file

from core.intake.settings import Intake
from core.tenancy import settings
from core.tenancy.sessions import all_tenants
from tests.conftest import World

MB = 1024 * 1024


def sample(name: str = "CT_small.dcm") -> bytes:
    """A file that comes with pydicom."""
    return Path(str(get_testdata_file(name))).read_bytes()


def changed(data: bytes, *, meta: dict[str, Any] | None = None, **values: Any) -> bytes:
    """The same object with other elements, written again; ``meta`` goes into its file meta information."""
    dataset = dcmread(io.BytesIO(data))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    for keyword, value in (meta or {}).items():
        setattr(dataset.file_meta, keyword, value)
    if "SOPInstanceUID" in values:
        dataset.file_meta.MediaStorageSOPInstanceUID = values["SOPInstanceUID"]
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def padded(data: bytes, size: int) -> bytes:
    """The same object with trailing padding (FFFC,FFFC), PS3.10 7.2, so that it has ``size`` bytes, an even number."""
    extra = size - len(data) - 12
    assert extra >= 0 and extra % 2 == 0
    return data + b"\xfc\xff\xfc\xffOB\x00\x00" + extra.to_bytes(4, "little") + bytes(extra)


def post(world: World, *files: tuple[str, bytes]) -> str:
    """Send files in one request. :return: the upload's id; nothing is processed yet"""
    data = {"file": [(io.BytesIO(content), name) for name, content in files]}
    answer = world.technician.call("POST", "/uploads", data=data, content_type="multipart/form-data")
    assert answer.status_code == 202, answer.get_json()
    assert answer.get_json()["state"] == "processing"
    return str(answer.get_json()["id"])


def result(world: World, upload: str) -> dict[str, Any]:
    """What the API says of an upload, with the sum checked when it is done."""
    found: dict[str, Any] = world.technician.call("GET", f"/uploads/{upload}").get_json()
    counts = found["counts"]
    if found["state"] == "done":
        assert counts["files"] == sum(counts[name] for name in ("stored", "duplicate", "held", "refused"))
        assert counts["files"] == len(found["files"])
    return found


def send(world: World, *files: tuple[str, bytes]) -> dict[str, Any]:
    """Send files in one request and wait for their outcomes."""
    upload = post(world, *files)
    world.drain()
    found = result(world, upload)
    assert found["state"] == "done"
    return found


def outcomes(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(f["name"], f["outcome"], f["reason"]) for f in found["files"]]


def one(world: World, data: bytes, name: str = "a.dcm") -> tuple[str, str]:
    """Outcome and reason of one file."""
    [(_, outcome, reason)] = outcomes(send(world, (name, data)))
    return outcome, reason


def lower_limits(world: World) -> None:
    """1 MB for a dcm, 1 MB for a zip."""
    with world.app.app_context(), all_tenants(write=True) as db:
        settings.store(db, Intake, world.hospital.id, by=0, dcm_max_mb=1, zip_max_mb=1)
