"""The whole job through the API, with tokens: ask, accept, write, review, confirm, print."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.studies.models import Study
from tests.conftest import World

WORDS = {"findings": "双肺纹理清晰，右肺上叶见一结节，大小约 8.2 mm × 7.5 mm。", "impression": "右肺上叶结节。", "positive": True}


def ask(world: World, study: Study, **given: Any) -> dict[str, Any]:
    body = {"study_id": study.public_id, "group": world.group.code, "parts": [{"name": "胸部", "count": 1}], **given}
    answer = world.doctor.call("POST", "/requests", body)
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def step(member: Any, request: dict[str, Any], event: str, **body: Any) -> dict[str, Any]:
    seen = member.call("GET", f"/requests/{request['id']}").get_json()
    answer = member.call("POST", f"/requests/{request['id']}/{event}", {"version": seen["version"], **body})
    assert answer.status_code == 200, (event, answer.get_json())
    return answer.get_json()


def approved(world: World, study: Study) -> dict[str, Any]:
    request = ask(world, study)
    step(world.reader, request, "accept")
    step(world.reader, request, "open")
    step(world.reader, request, "send_to_review", **WORDS)
    step(world.reviewer, request, "start_review")
    return step(world.reviewer, request, "approve")


@pytest.mark.feature("S-060")
@pytest.mark.feature("S-064")
@pytest.mark.feature("S-190")
def test_a_request_goes_from_the_hospital_to_a_signed_report_and_back(
    world: World, make_study: Callable[..., Study]
) -> None:
    study = make_study(world)
    request = ask(world, study, urgency="urgent")
    assert (request["state"], request["label"]) == ("SUBMITTED", "待处理")
    assert world.technician.call("GET", f"/studies/{study.public_id}").get_json()["status"] == "requested"
    assert step(world.reader, request, "accept")["state"] == "ACCEPTED"
    assert step(world.reader, request, "open")["state"] == "DIAGNOSING"
    draft = world.reader.call("PUT", f"/requests/{request['id']}/draft", {"rev": 0, **WORDS})
    assert draft.get_json()["rev"] == 1
    assert step(world.reader, request, "send_to_review")["state"] == "PENDING_REVIEW"
    assert step(world.reviewer, request, "start_review")["state"] == "REVIEWING"
    assert step(world.reviewer, request, "approve")["state"] == "APPROVED"
    seen = world.doctor.call("GET", f"/requests/{request['id']}").get_json()
    assert seen["report"]["findings"] == WORDS["findings"]
    done = step(world.doctor, request, "confirm", sha256=seen["report"]["sha256"])
    assert (done["state"], done["label"]) == ("CONFIRMED", "已完成")
    assert world.technician.call("GET", f"/studies/{study.public_id}").get_json()["status"] == "completed"
    assert [e["event"] for e in done["history"]] == [
        "request", "accept", "open", "send_to_review", "start_review", "approve", "confirm"
    ]
    pdf = world.doctor.call("GET", f"/requests/{request['id']}/report.pdf")
    assert pdf.status_code == 200 and pdf.data.startswith(b"%PDF-")
    world.drain()
    assert world.doctor.call("GET", f"/requests/{request['id']}/report.pdf").data.startswith(b"%PDF-")


@pytest.mark.feature("S-094")
def test_the_hospital_returns_a_report_and_the_author_writes_it_again(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = approved(world, make_study(world))
    first = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]
    step(world.doctor, request, "return_report", reason="请补充测量")
    assert step(world.reader, request, "open")["state"] == "DIAGNOSING"
    step(world.reader, request, "send_to_review", **{**WORDS, "impression": "右肺上叶结节，建议复查。"})
    step(world.reviewer, request, "start_review")
    step(world.reviewer, request, "approve")
    second = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]
    assert second["version"] > first["version"] and second["sha256"] != first["sha256"]


def test_an_adjustment_seals_a_new_version_while_the_request_stays_confirmed(
    world: World, make_study: Callable[..., Study]
) -> None:
    request = approved(world, make_study(world))
    sha256 = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]["sha256"]
    step(world.doctor, request, "confirm", sha256=sha256)
    opened = step(world.reviewer, request, "adjust", reason="左右写反")
    assert opened["state"] == "CONFIRMED" and opened["adjusting"]
    step(world.reviewer, request, "send_to_review", **{**WORDS, "impression": "左肺上叶结节。"})
    assert world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]["sha256"] == sha256
    step(world.reviewer, request, "start_review")
    done = step(world.reviewer, request, "approve")
    assert (done["state"], done["label"], done["adjusting"]) == ("CONFIRMED", "已调整", False)
    assert done["history"][-1]["event"] == "adjust"
    now = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]
    assert now["impression"] == "左肺上叶结节。"


def test_deleting_the_report_of_a_confirmed_request_opens_it_again(
    world: World, make_study: Callable[..., Study]
) -> None:
    study = make_study(world)
    request = approved(world, study)
    sha256 = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]["sha256"]
    step(world.doctor, request, "confirm", sha256=sha256)
    world.drain()
    assert step(world.doctor, request, "delete_report")["state"] == "APPROVED"
    assert world.doctor.call("GET", f"/studies/{study.public_id}").get_json()["status"] == "requested"
    assert step(world.doctor, request, "confirm", sha256=sha256)["state"] == "CONFIRMED"


@pytest.mark.feature("S-091")
def test_saving_the_report_keeps_its_time_and_its_bytes(world: World, make_study: Callable[..., Study]) -> None:
    request = approved(world, make_study(world))
    sha256 = world.doctor.call("GET", f"/requests/{request['id']}").get_json()["report"]["sha256"]
    step(world.doctor, request, "confirm", sha256=sha256)
    client, url = world.doctor.browser(), f"/t/{world.hospital.code}/requests/{request['id']}/report"
    token = client.get(url).get_data(as_text=True).split('name="csrf_token" value="')[1].split('"')[0]
    assert client.post(f"{url}/save", data={"csrf_token": token}).status_code == 303
    text = client.get(url).get_data(as_text=True)
    assert "已保存 20" in text and "已保存 -" not in text
    first, second = (world.doctor.call("GET", f"/requests/{request['id']}/report.pdf").data for _ in range(2))
    assert first == second
