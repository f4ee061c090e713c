"""Drawing and the disk come before the write transaction: on SQLite it is the only one of the house."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image

from core.store.blobs import BlobStore
from core.studies.models import Study
from plugin_sdk.db import db
from plugins.report_templates import provider
from tests.conftest import World, csrf
from tests.plugins.consultation.test_main_job import approved, ask, step


def png(width: int = 40, height: int = 30) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (90, 90, 90)).save(out, "PNG")
    return out.getvalue()


@dataclass
class Watch:
    """What slow work ran, and what of it while a connection held a write transaction."""

    ran: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)


@pytest.fixture
def watch(app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    writing: set[int] = set()
    found = Watch()

    def begun(connection: Any) -> None:
        if connection.get_execution_options().get("telerad_begin"):
            writing.add(id(connection))

    def ended(connection: Any) -> None:
        writing.discard(id(connection))

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kw: Any) -> Any:
            found.ran.append(name)
            found.locked.extend([name] if writing else [])
            return call(*args, **kw)

        return run

    monkeypatch.setattr(provider, "render", watched("render", provider.render))
    monkeypatch.setattr(BlobStore, "keep", watched("keep", BlobStore.keep))
    with app.app_context():
        engine = db.engine
    for name, call in (("begin", begun), ("commit", ended), ("rollback", ended)):
        sa.event.listen(engine, name, call)
    yield found
    for name, call in (("begin", begun), ("commit", ended), ("rollback", ended)):
        sa.event.remove(engine, name, call)


def confirmed(world: World, make_study: Callable[..., Study]) -> dict[str, Any]:
    request = approved(world, make_study(world))
    sha256 = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]["sha256"]
    return step(world.doctor, request, "confirm", sha256=sha256)


@pytest.mark.parametrize("what", ["save", "download", "print"])
def test_a_report_is_drawn_before_anything_is_written(
    world: World, make_study: Callable[..., Study], watch: Watch, what: str
) -> None:
    request = confirmed(world, make_study)
    client, page = world.doctor.browser(), f"/t/{world.hospital.code}/requests/{request['id']}/report"
    answer = client.post(f"{page}/{what}", data={"csrf_token": csrf(client, page)})
    assert answer.status_code in (200, 303)
    assert "render" in watch.ran
    assert watch.locked == []


def test_the_job_that_makes_the_pdf_holds_no_lock_while_it_draws(
    world: World, make_study: Callable[..., Study], watch: Watch
) -> None:
    confirmed(world, make_study)
    world.drain()
    assert {"render", "keep"} <= set(watch.ran)
    assert watch.locked == []


def test_a_key_image_is_on_disk_before_anything_is_written(
    world: World, make_study: Callable[..., Study], watch: Watch
) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    answer = world.reader.call(
        "POST", f"/requests/{request['id']}/captures", data={"file": (io.BytesIO(png()), "k.png")},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 201
    assert watch.ran == ["keep"]
    assert watch.locked == []


def test_the_watch_sees_a_disk_that_is_used_in_a_transaction(world: World, watch: Watch) -> None:
    with world.app.app_context(), world.app.house.system_ctx(world.hospital.id) as ctx:
        ctx.db.execute(sa.select(Study.id).limit(1))
        ctx.files.keep(b"late")
    assert watch.locked == ["keep"]


def test_a_picture_that_unpacks_to_a_billion_pixels_is_refused_with_a_sentence(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    bomb = bytearray(png(1, 1))
    bomb[16:24] = (40_000).to_bytes(4, "big") + (40_000).to_bytes(4, "big")
    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    answer = world.reader.call(
        "POST", f"/requests/{request['id']}/captures", data={"file": (io.BytesIO(bytes(bomb)), "k.png")},
        content_type="multipart/form-data",
    )
    assert (answer.status_code, answer.get_json()["type"]) == (413, "urn:telerad:problem:too-large")
