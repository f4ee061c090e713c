"""What a disk that is nearly full still does."""

from __future__ import annotations

import io
from typing import Any

import pytest

from core.store.blobs import BlobStore
from core.store.disk import Disk
from plugin_sdk.errors import StorageFull
from tests.conftest import World
from tests.core.intake.objects import sample

GB = 1024**3


@pytest.mark.parametrize(
    ("free", "total", "room"),
    [
        (2 * GB, 10 * GB, True), (2 * GB - 1, 10 * GB, False), (5 * GB, 100 * GB, True), (5 * GB - 1, 100 * GB, False),
        (49 * GB, 1000 * GB, False), (50 * GB, 1000 * GB, True),
    ],
)
def test_five_percent_or_two_gigabytes_are_kept_free_whichever_is_more(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, free: int, total: int, room: bool
) -> None:
    store = BlobStore(Disk(tmp_path))
    monkeypatch.setattr(store.disk, "free", lambda: (free, total))
    assert store.has_room() is room
    if room:
        store.keep("HTEST", "a" * 64, b"x")
    else:
        with pytest.raises(StorageFull):
            store.keep("HTEST", "a" * 64, b"x")
        assert not (tmp_path / "t").exists()


def test_a_full_disk_takes_no_image_and_still_reads_and_keeps_reports(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.app.house.disk, "free", lambda: (GB, 100 * GB))
    file = {"file": [(io.BytesIO(sample()), "a.dcm")]}
    answer = world.technician.call("POST", "/uploads", data=file, content_type="multipart/form-data")
    assert (answer.status_code, answer.get_json()["type"]) == (507, "urn:telerad:problem:storage-full")
    assert world.technician.call("GET", "/studies").status_code == 200
    with world.app.app_context():
        ctx = world.doctor.ctx()
        kept = ctx.files.keep(b"%PDF-1.4 a report")
        name = ctx.files.put(kept, kind="report", media="application/pdf", name="report.pdf")
        ctx.commit()
        assert ctx.files.read(name) == b"%PDF-1.4 a report"
        ctx.close()
