"""Refusals and failures as people and programs see them."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.studies import queries
from core.web.logs import JsonLines
from tests.conftest import World, csrf


def page(client: FlaskClient, path: str, **kw: Any) -> tuple[int, str]:
    answer = client.open(path, **kw)
    return answer.status_code, answer.get_data(as_text=True)


def test_a_page_that_is_not_there_says_why_it_may_be(world: World) -> None:
    status, text = page(world.doctor.browser(), "/t/HNOBODY/studies")
    assert status == 404
    assert "不存在或无权查看" in text and "地址可能有误" in text and "返回首页" in text


def test_a_missing_right_is_named_as_people_call_it(world: World) -> None:
    client = world.technician.browser()
    status, text = page(client, f"/t/{world.hospital.code}/requests/confirm", method="POST", data={"csrf_token": csrf(client, "/me")})
    assert status == 403
    assert "需要权限：确认报告" in text and "hospital.report.confirm" in text
    api = world.technician.call("POST", "/requests/confirm", {"items": []})
    assert (api.status_code, api.get_json()["permission"]) == (403, "hospital.report.confirm")


def test_a_fragment_gets_a_toast_in_its_place(world: World) -> None:
    client = world.technician.browser()
    token = csrf(client, "/me")
    answer = client.post(f"/t/{world.hospital.code}/requests/confirm", headers={"HX-Request": "true", "X-CSRFToken": token})
    assert (answer.status_code, answer.headers["HX-Retarget"], answer.headers["HX-Push-Url"]) == (403, "#toasts", "false")
    assert "需要权限：确认报告" in answer.get_data(as_text=True) and "<html" not in answer.get_data(as_text=True)


def test_english_readers_get_english(world: World) -> None:
    client = world.doctor.browser()
    client.post("/language", data={"language": "en", "csrf_token": csrf(client, "/me")})
    _, text = page(client, "/t/HNOBODY/studies")
    assert "The address may be wrong" in text
    assert '<html lang="en"' in text


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [("/healthz", "POST", 405, "method-not-allowed"), ("/api/v1/openapi.json", "DELETE", 405, "method-not-allowed"),
     ("/api/v1/nowhere", "GET", 404, "not-found")],
)
def test_what_no_route_takes_is_a_problem_for_programs_and_a_page_for_people(
    world: World, path: str, method: str, status: int, code: str
) -> None:
    answer = world.doctor.client().open(path, method=method)
    assert answer.status_code == status
    if status == 405:
        assert "GET" in answer.headers["Allow"]
    if path.startswith("/api/"):
        assert (answer.mimetype, answer.get_json()["type"]) == ("application/problem+json", f"urn:telerad:problem:{code}")
    else:
        assert answer.mimetype == "text/html" and "请从页面上的按钮进行操作" in answer.get_data(as_text=True)


def test_a_body_that_is_too_large_says_so(world: World) -> None:
    answer = world.doctor.browser().post("/language", data={"language": "x" * 1_100_000})
    assert answer.status_code == 413 and "请减小文件或分批提交" in answer.get_data(as_text=True)


# What nobody expected.


@pytest.fixture
def falling(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Reading a study raises, with a patient's name in the error. :return: the lines that are logged"""

    def fall(*_: Any) -> None:
        raise RuntimeError("王小明 fell")

    monkeypatch.setattr(queries, "by_public_id", fall)
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonLines().format(record))

    handler = Keep()
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)


def test_a_failure_shows_a_number_and_nothing_else_and_the_log_has_it(
    world: World, make_study: Callable[..., Any], falling: list[str]
) -> None:
    study = make_study(world)
    status, text = page(world.doctor.browser(), f"/t/{world.hospital.code}/studies/{study.public_id}")
    assert status == 500
    number = text.split("错误编号 ")[1].split("<")[0].strip()
    assert len(number) == 10 and "服务器出错，数据未受影响" in text
    for leak in ("Traceback", "RuntimeError", "王小明", "core/", ".py"):
        assert leak not in text, leak
    (line,) = [one for one in falling if "unexpected error" in one]
    assert f'"number": "{number}"' in line and f'"request_id": "{number}"' in line
    assert '"error": "RuntimeError"' in line and "core/studies" in line and "王小明" not in line


def test_a_program_gets_the_number_as_a_problem(world: World, make_study: Callable[..., Any], falling: list[str]) -> None:
    answer = world.doctor.call("GET", f"/studies/{make_study(world).public_id}", headers={"X-Request-Id": "trace-0001"})
    assert answer.get_json() == {
        "type": "urn:telerad:problem:internal", "title": "Internal Server Error", "status": 500,
        "detail": "服务器出错，数据未受影响", "number": "trace-0001",
    }
    assert answer.headers["X-Request-Id"] == "trace-0001"


@pytest.mark.parametrize("given", ["short", "x" * 65, "a b c d e f g h", "姓名姓名姓名姓名"])
def test_a_number_from_outside_is_taken_only_if_it_looks_like_one(world: World, given: str) -> None:
    answer = world.doctor.client().get("/healthz", headers={"X-Request-Id": given.encode().decode("latin-1")})
    assert len(answer.headers["X-Request-Id"]) == 10


def test_when_the_page_of_errors_cannot_be_drawn_a_sentence_and_the_number_remain(
    world: World, make_study: Callable[..., Any], falling: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = world.doctor.browser()
    study = make_study(world)

    def broken(self: Flask, context: dict[str, Any]) -> None:
        raise LookupError("nothing answers")

    monkeypatch.setattr(Flask, "update_template_context", broken)
    status, text = page(client, f"/t/{world.hospital.code}/studies/{study.public_id}")
    assert status == 500 and "服务器出错，数据未受影响" in text and "nothing answers" not in text
    assert any("error page not drawn" in line for line in falling)


def test_a_line_of_the_log_names_tenant_and_account_by_number(
    world: World, make_study: Callable[..., Any], falling: list[str]
) -> None:
    world.doctor.call("GET", f"/studies/{make_study(world).public_id}")
    (line,) = [one for one in falling if "unexpected error" in one]
    assert f'"tenant_id": {world.hospital.id}' in line and f'"account_id": {world.doctor.account.id}' in line


@pytest.mark.parametrize("text", ["06\0", "\ud800", "\udfff x"])
def test_a_text_that_nothing_can_store_is_refused_by_its_field(world: World, text: str) -> None:
    body = {"items": [{"id": text, "version": 1, "sha256": ""}, {"id": "x", "version": 1, "sha256": text}]}
    answer = world.doctor.call("POST", "/requests/confirm", body)
    assert answer.status_code == 422
    assert [e["field"] for e in answer.get_json()["errors"]] == ["items.0.id", "items.1.sha256"]


@pytest.mark.parametrize("version", [-1, 2**31, 2**63, 10**30])
def test_a_version_beyond_all_bounds_is_refused(world: World, version: int) -> None:
    body = {"items": [{"id": "x", "version": version, "sha256": ""}] * 2}
    assert world.doctor.call("POST", "/requests/confirm", body).status_code == 422


def test_a_letter_that_is_none_in_an_address_is_no_failure(world: World) -> None:
    for query in ("name=%00", "patient_id=a%00b", "q=%00", "after=%00", "name=%ED%A0%80"):
        answer = world.doctor.call("GET", f"/studies?{query}")
        assert answer.status_code in (200, 422), query


def test_a_form_with_files_is_done_once_under_its_key(world: World) -> None:
    def send(key: str, content: bytes, name: str = "a.dcm") -> Any:
        return world.technician.call("POST", "/uploads", data={"file": (io.BytesIO(content), name)}, headers={"Idempotency-Key": key})

    first, again = send("form-1", b"x" * 700_000), send("form-1", b"x" * 700_000)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json() == again.get_json()
    for other in (send("form-1", b"y" * 700_000), send("form-1", b"x" * 700_000, "b.dcm")):
        assert (other.status_code, other.get_json()["type"]) == (422, "urn:telerad:problem:key-reused")
    assert send("form-2", b"x" * 700_000).get_json()["id"] != first.get_json()["id"]


def test_a_resumable_upload_is_announced_once_under_its_key(world: World) -> None:
    headers = {"Upload-Length": "10", "Upload-Metadata": "filename YS5kY20=", "Idempotency-Key": "tus-1"}
    first, again = (world.technician.call("POST", "/uploads/tus", headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.headers["Location"] == again.headers["Location"]
