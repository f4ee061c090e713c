"""What a monitor asks: up, ready, figures."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from core import clock, config, limits
from core.app import TeleradFlask, create_app
from core.host import faults
from core.host.ledger import Tally
from core.run import migrate
from core.run.supervisor import valkey_command, wait_for_valkey
from core.tenancy.sessions import all_tenants
from core.work.models import Job
from tests.conftest import World


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Valkey of its own. :return: the folder of its socket"""
    folder = tmp_path_factory.mktemp("valkey")
    server = subprocess.Popen(valkey_command(folder), stdout=subprocess.DEVNULL)
    wait_for_valkey(f"unix://{folder}/valkey.sock")
    yield folder
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="module")
def made(queue: Path) -> TeleradFlask:
    """A house that counts, with a queue that answers."""
    app = create_app(config.load({}, data=queue, testing=True, metrics="figures"))
    with app.app_context():
        migrate.upgrade(app.house)
    return app


def ready(app: TeleradFlask) -> tuple[int, dict[str, Any]]:
    answer = app.test_client().get("/readyz")
    return answer.status_code, answer.get_json()


def test_a_house_that_stands_on_everything_is_ready(made: TeleradFlask) -> None:
    assert ready(made) == (200, {
        "state": "ready", "missing": [], "degraded": [], "broken_plugins": [], "degraded_plugins": [], "database": True, "queue": True, "storage": True})


def test_without_its_queue_it_is_up_and_not_ready(app: TeleradFlask) -> None:
    assert app.test_client().get("/healthz").get_json() == {"state": "up"}
    status, said = ready(app)
    assert (status, said["missing"], said["state"]) == (503, ["queue"], "not ready")


def test_a_database_that_cannot_be_opened_is_named(made: TeleradFlask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = create_app(config.load({}, data=made.house.config.data, testing=True, database_url=f"sqlite:///{tmp_path}/none/x.db"))
    status, said = ready(other)
    assert (status, said["missing"]) == (503, ["database"])
    answer = other.test_client().get("/login", headers={"Cookie": "session=abc"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "系统暂时不可用" in answer.get_data(as_text=True)
    api = other.test_client().get("/api/v1/t/HDEMO/studies", headers={"Authorization": "Bearer x"})
    assert (api.status_code, api.get_json()["type"]) == (503, "urn:telerad:problem:unavailable")


def test_a_store_that_cannot_be_written_is_named(made: TeleradFlask) -> None:
    store = made.house.config.blobs
    shutil.rmtree(store, ignore_errors=True)
    store.write_text("a file where the folder should be")
    try:
        assert ready(made)[1]["missing"] == ["storage"]
    finally:
        store.unlink()


def test_a_plugin_that_did_not_start_is_named_and_the_house_goes_on(made: TeleradFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(made.house.plugins.broken, "viewer", "load: ImportError")
    status, said = ready(made)
    assert (status, said["state"], said["degraded"]) == (200, "degraded", ["plugin viewer did not start"])


def test_a_plugin_that_fails_often_is_named_until_it_recovers(made: TeleradFlask) -> None:
    with made.app_context():
        faults.write(made.house, {("viewer", "slot study.tab"): Tally(calls=10, failed=[clock.now()] * 10, error="KeyError")})
    status, said = ready(made)
    assert (status, said["state"], said["degraded"], said["degraded_plugins"]) == (
        200, "degraded", ["plugin viewer failed often lately"], ["viewer"])
    clock.shift(timedelta(minutes=31))
    assert ready(made)[1]["state"] == "ready"


# Figures.


def figures(app: TeleradFlask, bearer: str = "figures") -> str:
    answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {bearer}"})
    assert answer.status_code == 200, answer.get_data()
    return answer.get_data(as_text=True)


def test_figures_are_off_unless_a_bearer_is_set(app: TeleradFlask, made: TeleradFlask) -> None:
    assert app.test_client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
    assert made.test_client().get("/metrics").status_code == 401
    assert made.test_client().get("/metrics", headers={"Authorization": "Bearer figure"}).status_code == 401
    assert figures(made).startswith("# HELP telerad_")


def test_figures_say_what_waits_and_what_gave_up(made: TeleradFlask) -> None:
    with made.app_context(), all_tenants(write=True) as db:
        at = clock.now()
        db.add_all(Job(name="work.sweep", args={}, state=state, queued_at=at, next_at=at) for state in ("failed", "failed", "done"))
    text = figures(made)
    for line in ('telerad_jobs{state="queued"} 0.0', 'telerad_jobs{state="failed"} 2.0', 'telerad_deliveries{state="parked"} 0.0',
                 "telerad_timers 0.0", 'telerad_up{part="queue"} 1.0', "telerad_queue_length ", 'telerad_plugins{state="broken"} 0.0',
                 'telerad_storage_bytes{kind="stored"} 0.0', 'telerad_storage_bytes{kind="free"} '):
        assert line in text, line
    assert 'state="done"' not in text


def test_a_hook_that_fails_is_counted(made: TeleradFlask) -> None:
    import logging

    before = figures(made)
    assert 'telerad_hook_errors_total{hook="price",plugin="acme_billing"}' not in before
    logging.getLogger("core.host.hooks").error("hook failed", extra={"plugin": "acme_billing", "hook": "price"})
    after = figures(made)
    assert 'telerad_hook_errors_total{hook="price",plugin="acme_billing"} 1.0' in after
    assert 'telerad_log_records_total{level="error",message="hook failed"} 1.0' in after


# Rates.


@pytest.fixture
def counted(world: World, queue: Path) -> Iterator[World]:
    """The world's house, counting calls on a queue that is there."""
    rates = world.app.extensions["rates"]
    before, rates.url, rates._redis, rates._again = rates.url, f"unix://{queue}/valkey.sock", None, 0.0
    yield world
    rates.url, rates._redis = before, None


def calls(world: World, n: int) -> list[int]:
    return [world.doctor.call("GET", "/groups").status_code for _ in range(n)]


def test_a_token_has_so_many_calls_a_minute_and_is_told_when_it_may_again(counted: World) -> None:
    _wait_for_a_new_minute()
    with limits.changed(api_calls=5):
        assert calls(counted, 5) == [200] * 5
        refused = counted.doctor.call("GET", "/groups")
        assert counted.technician.call("GET", "/groups").status_code == 200
    assert (refused.status_code, refused.get_json()["type"]) == (429, "urn:telerad:problem:rate-limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.get_json()["retry_after"] == int(refused.headers["Retry-After"])


def _wait_for_a_new_minute() -> None:
    if (left := 60 - clock.now().timestamp() % 60) < 10:
        time.sleep(left)


def test_a_new_minute_begins_anew(counted: World) -> None:
    from datetime import timedelta

    with limits.changed(api_calls=1):
        calls(counted, 2)
        clock.shift(timedelta(minutes=1))
        assert calls(counted, 1) == [200]


def test_an_emptied_or_silent_server_only_forgives(counted: World, queue: Path) -> None:
    _wait_for_a_new_minute()
    with limits.changed(api_calls=2):
        assert calls(counted, 3) == [200, 200, 429]
        Redis.from_url(f"unix://{queue}/valkey.sock").flushall()
        assert calls(counted, 1) == [200]
        counted.app.extensions["rates"].url = "unix:///nowhere.sock"
        counted.app.extensions["rates"]._redis = None
        assert calls(counted, 4) == [200] * 4


def test_no_limit_is_no_question(counted: World) -> None:
    with limits.changed(api_calls=0):
        assert calls(counted, 3) == [200] * 3


def test_images_are_bounded_by_the_second(counted: World, make_study: Callable[..., Any]) -> None:
    study = make_study(counted)
    opened = counted.doctor.call("POST", f"/studies/{study.public_id}/images").get_json()["dicomweb"]

    def look() -> int:
        headers = {"Authorization": f"Bearer {counted.doctor.token}"}
        return int(counted.doctor.client().get(f"{opened}/studies", headers=headers).status_code)

    with limits.changed(image_calls=1):
        answers = [look() for _ in range(6)]
    assert answers[0] == 200 and 429 in answers
