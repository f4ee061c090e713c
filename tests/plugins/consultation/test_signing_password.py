"""Signing wants a password given a short while ago; a group may want it each time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from core import clock
from core.studies.models import Study
from core.tenancy import settings
from core.tenancy.sessions import all_tenants
from plugins.consultation.settings import Reading
from tests.conftest import PASSWORD, World, csrf
from tests.plugins.consultation.test_main_job import ask, step

WORDS = {"findings": "双肺纹理清晰。", "impression": "未见异常。", "positive": False}


class Signer:
    """Somebody who may diagnose and review, at a page."""

    def __init__(self, world: World) -> None:
        self.world, self.client = world, world.g_admin.browser()
        self.token = csrf(self.client, "/me")

    def submit(self, request: dict[str, Any]) -> TestResponse:
        return self.client.post(
            f"/api/v1/t/{self.world.group.code}/requests/{request['id']}/submit",
            json={"version": request["version"], **WORDS}, headers={"X-CSRFToken": self.token},
        )

    def confirm(self) -> int:
        form = {"fresh_password": PASSWORD}
        return self.client.post("/me/confirm", data=form, headers={"X-CSRFToken": self.token}).status_code


@pytest.fixture
def diagnosing(world: World, make_study: Callable[..., Study]) -> Callable[[], dict[str, Any]]:
    def make() -> dict[str, Any]:
        request = ask(world, make_study(world))
        for event in ("accept", "open"):
            request = step(world.g_admin, request, event)
        return request

    return make


def code(answer: TestResponse) -> str:
    return str((answer.get_json() or {}).get("type", "")).rpartition(":")[2]


def test_a_password_of_nine_minutes_signs_and_one_of_eleven_is_asked_again(
    world: World, diagnosing: Callable[[], dict[str, Any]]
) -> None:
    first, second = diagnosing(), diagnosing()
    signer = Signer(world)
    clock.shift(timedelta(minutes=9))
    assert signer.submit(first).status_code == 200
    clock.shift(timedelta(minutes=2))
    refused = signer.submit(second)
    assert (refused.status_code, code(refused)) == (403, "fresh-password-required")
    assert world.g_admin.call("GET", f"/requests/{second['id']}").get_json()["state"] == "DIAGNOSING"
    assert signer.confirm() == 204
    assert signer.submit(second).status_code == 200


def test_a_group_may_want_the_password_at_every_signing(world: World, diagnosing: Callable[[], dict[str, Any]]) -> None:
    with world.app.app_context(), all_tenants(write=True) as db:
        settings.store(db, Reading, world.group.id, by=0, sign_repeat=True)
    first, second = diagnosing(), diagnosing()
    signer = Signer(world)
    assert code(signer.submit(first)) == "fresh-password-required"
    assert signer.confirm() == 204
    assert signer.submit(first).status_code == 200
    assert code(signer.submit(second)) == "fresh-password-required"
    assert signer.confirm() == 204
    assert signer.submit(second).status_code == 200


def test_writing_and_sending_to_review_ask_for_nothing(world: World, diagnosing: Callable[[], dict[str, Any]]) -> None:
    request = diagnosing()
    signer = Signer(world)
    clock.shift(timedelta(minutes=20))
    answer = signer.client.post(
        f"/api/v1/t/{world.group.code}/requests/{request['id']}/send_to_review",
        json={"version": request["version"], **WORDS}, headers={"X-CSRFToken": signer.token},
    )
    assert answer.status_code == 200


def test_a_token_signs_without_a_session(world: World, diagnosing: Callable[[], dict[str, Any]]) -> None:
    request = diagnosing()
    clock.shift(timedelta(minutes=20))
    assert world.g_admin.call("POST", f"/requests/{request['id']}/submit", {"version": request["version"], **WORDS}).status_code == 200


