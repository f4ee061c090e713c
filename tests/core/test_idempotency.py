"""A POST under a key is done once, whoever repeats it."""

from __future__ import annotations

from collections.abc import Callable

from core.studies.models import Study
from tests.conftest import World


def test_the_same_key_and_body_give_the_same_answer_done_once(world: World, make_study: Callable[..., Study]) -> None:
    study = make_study(world)
    body = {"study_id": study.public_id, "group": world.group.code, "parts": [{"name": "胸部"}]}
    first = world.doctor.call("POST", "/requests", body, headers={"Idempotency-Key": "k-1"})
    again = world.doctor.call("POST", "/requests", body, headers={"Idempotency-Key": "k-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()
    assert len(world.doctor.call("GET", "/requests").get_json()["items"]) == 1


def test_another_body_under_the_same_key_is_refused(world: World, make_study: Callable[..., Study]) -> None:
    body = {"study_id": make_study(world).public_id, "group": world.group.code, "parts": [{"name": "胸部"}]}
    world.doctor.call("POST", "/requests", body, headers={"Idempotency-Key": "k-2"})
    other = world.doctor.call("POST", "/requests", {**body, "urgency": "urgent"}, headers={"Idempotency-Key": "k-2"})
    assert (other.status_code, other.get_json()["type"]) == (422, "urn:telerad:problem:key-reused")


def test_a_refusal_is_not_remembered(world: World, make_study: Callable[..., Study]) -> None:
    study = make_study(world, complete_at=None)
    body = {"study_id": study.public_id, "group": world.group.code, "parts": [{"name": "胸部"}]}
    refused = world.doctor.call("POST", "/requests", body, headers={"Idempotency-Key": "k-3"})
    assert (refused.status_code, refused.get_json()["type"]) == (409, "urn:telerad:problem:study-incomplete")
    with world.app.app_context(), world.app.house.system_ctx(world.hospital.id) as ctx:
        ctx.db.get_one(Study, study.id).complete_at = ctx.now()
    assert world.doctor.call("POST", "/requests", body, headers={"Idempotency-Key": "k-3"}).status_code == 201
