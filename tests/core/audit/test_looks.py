"""Looking at images leaves entries, few and in their own chain; unusual looking is counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from core import clock
from core.audit.models import Audit
from core.audit.unusual import Unusual, unusual
from core.audit.verify import verify
from core.studies.models import Study
from core.tenancy.models import Membership
from core.tenancy.sessions import all_tenants
from tests.conftest import Member, World, make_member
from tests.contract import stage
from tests.desk import Desk, text_of


def viewed(world: World, tenant_id: int) -> list[tuple[str, int, str, dict[str, Any]]]:
    with world.app.app_context(), all_tenants() as db:
        rows = db.execute(
            sa.select(Audit.chain, Audit.account_id, Audit.ref, Audit.facts)
            .where(Audit.tenant_id == tenant_id, Audit.kind == "study.viewed")
            .order_by(Audit.seq)
        )
        return [(c, a, r, f) for c, a, r, f in rows]


@pytest.fixture
def uid(world: World) -> str:
    return stage.received(world, "甲")


def frames(world: World, member: Member, root: str, uid: str, times: int) -> None:
    for _ in range(times):
        answer = world.app.test_client().get(
            f"{root}/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/frames/1",
            headers={"Authorization": f"Bearer {member.token}", "Accept": 'multipart/related; type="application/octet-stream"'},
        )
        assert answer.status_code == 200, answer.get_data()[:200]


def test_many_frames_of_an_opening_are_one_entry(world: World, uid: str) -> None:
    study = world.h_admin.call("GET", "/studies").get_json()["items"][0]["id"]
    request = stage.drive(world, study, "ACCEPTED")
    opened = world.reader.call("POST", f"/requests/{request}/images").get_json()["dicomweb"]
    frames(world, world.reader, opened, uid, 5)
    world.app.house.looks.flush()
    who, ref = world.reader.account.id, f"consultation:request:{request}"
    assert viewed(world, world.group.id) == [("views", who, ref, {}), ("views", who, ref, {"series": 1, "frames": 5})]
    with world.app.app_context():
        assert [v.bad for v in verify(world.app.house, tenant=world.group.code)] == [None, None]


def test_a_program_that_reads_the_hospitals_own_root_leaves_an_entry_too(world: World, uid: str) -> None:
    study = world.h_admin.call("GET", "/studies").get_json()["items"][0]["id"]
    world.app.house.looks.flush()
    frames(world, world.doctor, f"/t/{world.hospital.code}/dicom-web", uid, 2)
    assert (world.app.house.looks.flush(), world.app.house.looks.flush()) == (1, 0)
    assert viewed(world, world.hospital.id) == [
        ("views", world.doctor.account.id, f"studies:study:{study}", {"series": 1, "frames": 2})
    ]


def look(member: Member, studies: list[Study]) -> None:
    for study in studies:
        assert member.call("POST", f"/studies/{study.public_id}/images").status_code == 201


def at_hour(hour: int) -> None:
    """Go on to this hour in the hospital's zone."""
    local = clock.local(clock.now(), "Asia/Shanghai")
    clock.shift(timedelta(hours=(hour - local.hour) % 24))


def found(world: World) -> list[Unusual]:
    with world.app.app_context(), all_tenants() as db:
        return list(unusual(db, days=30, tenant=world.hospital.code))


def test_who_opens_far_more_than_colleagues_is_named(world: World, make_study: Callable[..., Study]) -> None:
    studies = [make_study(world) for _ in range(20)]
    at_hour(10)
    with world.app.app_context():
        others = [make_member(world.app, world.hospital, "doctor", f"同事{n}") for n in range(2)]
    for other in others:
        look(other, studies[:4])
    look(world.doctor, studies[:19])
    assert found(world) == []
    look(world.doctor, studies[19:])
    assert [(u.name, u.what, u.number, u.peers) for u in found(world)] == [("doctor", "studies", 20, 4)]


def test_looking_at_night_and_after_leaving_is_named(world: World, make_study: Callable[..., Study]) -> None:
    study = make_study(world)
    at_hour(3)
    with world.app.app_context():
        make_member(world.app, world.hospital, "doctor", "同事")
    look(world.doctor, [study] * 10)
    assert [(u.what, u.number) for u in found(world)] == [("nights", 10)]
    at_hour(10)
    look(world.technician, [study])
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(
            sa.update(Membership)
            .where(Membership.account_id == world.technician.account.id)
            .values(left_at=clock.now() - timedelta(minutes=1))
        )
    assert ("technician", "after", 1) in [(u.name, u.what, u.number) for u in found(world)]


def test_an_entry_about_a_person_shows_their_name(world: World) -> None:
    page = text_of(Desk(world.doctor).page("/"))
    assert "doctor 登录 doctor 网络地址" in page
