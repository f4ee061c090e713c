"""Two processes, one request: one winner, and the other is told who."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from core.studies.models import Study
from tests.conftest import Member, World
from tests.plugins.consultation.test_main_job import WORDS, approved, ask, step

ROUNDS = 5


def race(world: World, entries: list[tuple[Member, list[dict[str, Any]]]]) -> list[list[dict[str, Any]]]:
    """Let each member make its calls in a process of its own, call n of each at the same instant."""
    config = world.app.house.config
    racers = []
    for member, calls in entries:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.plugins.consultation.racer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )
        assert process.stdin and process.stdout
        given = {"data": str(config.data), "database": config.database_url, "token": member.token, "calls": calls}
        process.stdin.write(json.dumps(given) + "\n")
        process.stdin.flush()
        racers.append(process)
    for process in racers:
        assert process.stdout and process.stdout.readline().strip() == "ready"
    start = time.time() + 0.3
    for process in racers:
        assert process.stdin
        process.stdin.write(f"{start}\n")
        process.stdin.flush()
    results = []
    for process in racers:
        out, _ = process.communicate(timeout=60)
        results.append([json.loads(line) for line in out.splitlines()])
    return results


def call(member: Member, request: dict[str, Any], what: str, body: dict[str, Any], method: str = "POST") -> dict[str, Any]:
    return {"path": f"/api/v1/t/{member.tenant.code}/requests/{request['id']}/{what}", "method": method, "body": body}


@pytest.mark.feature("S-179")
def test_of_two_readers_who_accept_at_once_one_wins_and_the_other_is_told_who(
    world: World, make_study: Callable[..., Study]
) -> None:
    requests = [ask(world, make_study(world)) for _ in range(ROUNDS)]
    first, second = (
        [call(m, r, "accept", {"version": r["version"]}) for r in requests] for m in (world.reader, world.reader2)
    )
    ours, theirs = race(world, [(world.reader, first), (world.reader2, second)])
    for request, a, b in zip(requests, ours, theirs, strict=True):
        assert sorted((a["status"], b["status"])) == [200, 409]
        loser, winner = (b, "reader") if a["status"] == 200 else (a, "reader2")
        assert loser["body"]["holder"] == winner
        seen = world.g_admin.call("GET", f"/requests/{request['id']}").get_json()
        assert (seen["state"], seen["version"], seen["claim"]["user"]) == ("ACCEPTED", 2, winner)


def test_withdrawing_and_accepting_at_once_leaves_one_of_both(world: World, make_study: Callable[..., Study]) -> None:
    requests = [ask(world, make_study(world)) for _ in range(ROUNDS)]
    accepts = [call(world.reader, r, "accept", {"version": r["version"]}) for r in requests]
    withdraws = [call(world.doctor, r, "withdraw", {"version": r["version"]}) for r in requests]
    ours, theirs = race(world, [(world.reader, accepts), (world.doctor, withdraws)])
    for request, a, b in zip(requests, ours, theirs, strict=True):
        assert sorted((a["status"], b["status"])) == [200, 409]
        state = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["state"]
        assert state == ("ACCEPTED" if a["status"] == 200 else "WITHDRAWN")


def test_two_tabs_saving_one_draft_at_once_lose_no_text(world: World, make_study: Callable[..., Study]) -> None:
    request = ask(world, make_study(world))
    step(world.reader, request, "accept")
    saves = [
        [call(world.reader, request, "draft", {"rev": n, **WORDS, "impression": f"{tab}{n}"}, "PUT") for n in range(ROUNDS)]
        for tab in "ab"
    ]
    ours, theirs = race(world, [(world.reader, saves[0]), (world.reader, saves[1])])
    for a, b in zip(ours, theirs, strict=True):
        assert sorted((a["status"], b["status"])) == [200, 409]
        loser = a if a["status"] == 409 else b
        assert loser["body"]["type"] == "urn:telerad:problem:stale-draft"
    seen = world.reader.call("GET", f"/requests/{request['id']}").get_json()
    assert seen["draft"]["rev"] == ROUNDS and seen["version"] == 2


def test_confirming_and_returning_at_once_leaves_one_of_both(world: World, make_study: Callable[..., Study]) -> None:
    requests = [approved(world, make_study(world)) for _ in range(ROUNDS)]
    seen = [world.doctor.call("GET", f"/requests/{r['id']}").get_json() for r in requests]
    confirms = [call(world.doctor, r, "confirm", {"version": r["version"], "sha256": r["report"]["sha256"]}) for r in seen]
    returns = [call(world.h_admin, r, "return_report", {"version": r["version"], "reason": "请补充"}) for r in seen]
    ours, theirs = race(world, [(world.doctor, confirms), (world.h_admin, returns)])
    for a, b in zip(ours, theirs, strict=True):
        assert sorted((a["status"], b["status"])) == [200, 409]
