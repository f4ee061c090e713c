"""Processes that do the same thing at the same instant: one effect, no lost update, no row twice, and the log's chain holds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from core.audit import chain
from core.audit.models import Audit, AuditHead
from core.intake.models import Source, Upload
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from tests.conftest import Member, World
from tests.plugins.consultation.test_races import ROUNDS, race


def at(member: Member, path: str, body: Any = None, method: str = "POST", **headers: str) -> dict[str, Any]:
    return {"path": f"/api/v1/t/{member.tenant.code}{path}", "method": method, "body": body, "headers": headers}


def entries(world: World, tenant_id: int, kind: str) -> int:
    with world.app.app_context(), all_tenants() as db:
        return db.scalar(sa.select(sa.func.count()).select_from(Audit).where(Audit.tenant_id == tenant_id, Audit.kind == kind)) or 0


def broken(world: World) -> list[int | None]:
    with world.app.app_context(), all_tenants() as db:
        return [chain.first_bad(db, t.id) for t in (world.hospital, world.group)]


def test_one_key_sent_by_three_processes_at_once_is_one_request(world: World, make_study: Callable[..., Study]) -> None:
    bodies = [
        {"study_id": make_study(world).public_id, "group": world.group.code, "parts": [{"name": "胸部", "count": 1}]}
        for _ in range(ROUNDS)
    ]
    calls = [at(world.doctor, "/requests", body, **{"Idempotency-Key": f"race-{n}"}) for n, body in enumerate(bodies)]
    answers = race(world, [(world.doctor, calls)] * 3)
    for same in zip(*answers, strict=True):
        done = [a["body"]["id"] for a in same if a["status"] == 201]
        assert len(set(done)) == 1 and {a["status"] for a in same} <= {201, 409}, same
    assert len(world.doctor.call("GET", "/requests").get_json()["items"]) == ROUNDS
    assert entries(world, world.hospital.id, "request.request") == ROUNDS
    again = world.doctor.call("POST", "/requests", bodies[0], headers={"Idempotency-Key": "race-0"})
    assert again.get_json()["id"] in {a[0]["body"].get("id") for a in answers}


def test_without_a_key_two_who_ask_for_one_study_make_one_request(world: World, make_study: Callable[..., Study]) -> None:
    bodies = [
        {"study_id": make_study(world).public_id, "group": world.group.code, "parts": [{"name": "胸部", "count": 1}]}
        for _ in range(ROUNDS)
    ]
    ours, theirs = race(world, [(m, [at(m, "/requests", body) for body in bodies]) for m in (world.doctor, world.technician)])
    for a, b in zip(ours, theirs, strict=True):
        assert sorted((a["status"], b["status"])) == [201, 409], (a, b)
    assert len(world.doctor.call("GET", "/requests").get_json()["items"]) == ROUNDS


def test_the_chain_of_the_log_holds_when_three_processes_write_it(world: World, make_study: Callable[..., Study]) -> None:
    members = (world.technician, world.doctor, world.h_admin)
    studies = {m.role: [make_study(world).public_id for _ in range(ROUNDS)] for m in members}
    before = entries(world, world.hospital.id, "study.locked")
    answers = race(world, [(m, [at(m, f"/studies/{id}/lock") for id in studies[m.role]]) for m in members])
    assert {a["status"] for each in answers for a in each} == {200}
    assert entries(world, world.hospital.id, "study.locked") - before == 3 * ROUNDS
    assert broken(world) == [None, None]


def test_locking_and_deleting_one_study_at_once_leaves_one_of_both(world: World, make_study: Callable[..., Study]) -> None:
    ids = [make_study(world).public_id for _ in range(ROUNDS)]
    locks = [at(world.technician, f"/studies/{id}/lock") for id in ids]
    deletes = [at(world.doctor, f"/studies/{id}", method="DELETE") for id in ids]
    locked, deleted = race(world, [(world.technician, locks), (world.doctor, deletes)])
    for a, b in zip(locked, deleted, strict=True):
        assert (a["status"] < 300) != (b["status"] < 300), (a, b)
    assert broken(world) == [None, None]


def test_a_session_that_goes_on_after_its_commit_writes_behind_what_others_wrote(world: World) -> None:
    with world.app.app_context(), world.app.house.system_ctx(world.hospital.id) as ctx:
        ctx.audit("study.locked", ref="a")
        held = ctx.db.scalars(sa.select(AuditHead)).all()  # somebody looks at the head and keeps it
        ctx.commit()
        with world.app.house.system_ctx(world.hospital.id) as other:
            other.audit("study.locked", ref="b")
        ctx.audit("study.locked", ref="c")
        assert held
    assert broken(world) == [None, None]


def test_paging_while_others_write_shows_each_older_row_once(world: World, make_study: Callable[..., Study]) -> None:
    old = [make_study(world).public_id for _ in range(12)]
    for id in old:
        body = {"study_id": id, "group": world.group.code, "parts": [{"name": "胸部", "count": 1}]}
        assert world.doctor.call("POST", "/requests", body).status_code == 201
    older = [r["id"] for r in world.doctor.call("GET", "/requests?limit=100").get_json()["items"]]
    new = [{"study_id": make_study(world).public_id, "group": world.group.code, "parts": [{"name": "胸部", "count": 1}]} for _ in range(6)]
    writing = threading.Thread(target=race, args=(world, [(world.doctor, [at(world.doctor, "/requests", b) for b in new])]))
    writing.start()
    walks = []
    while True:
        alive = writing.is_alive()
        walks.append(walk(world.technician))
        if not alive:
            break
    writing.join()
    assert len(walks) > 1
    for seen in walks:
        assert len(seen) == len(set(seen)), "a row came twice"
        assert [id for id in seen if id in set(older)] == older, "an older row is missing or out of its place"
    assert len(walk(world.technician)) == 18


def walk(member: Member) -> list[str]:
    """Every id that paging forward shows."""
    seen, after = [], ""
    while True:
        page = member.call("GET", f"/requests?limit=3{after}").get_json()
        seen += [r["id"] for r in page["items"]]
        if page["next"] is None:
            return seen
        after = f"&after={page['next']}"


def test_two_first_uploads_of_one_person_at_once_have_one_source_and_later_ones_work(app: Any, world: World) -> None:
    begin = {"Tus-Resumable": "1.0.0", "Upload-Length": "200"}
    for member in (world.technician, world.doctor, world.h_admin):
        both = race(world, [(member, [at(member, "/uploads/tus", **begin)])] * 2)
        assert [answers[0]["status"] for answers in both] == [201, 201]
        with app.app_context(), all_tenants() as db:
            made = db.scalars(sa.select(Source.id).where(Source.kind == "uploader", Source.account_id == member.account.id)).all()
            uploads = db.scalars(sa.select(Upload.source_id).where(Upload.created_by == member.account.id)).all()
        assert len(made) == 1 and uploads == made * 2
        assert member.call("POST", "/uploads/tus", headers=begin).status_code == 201
