"""The API's description: everything is in it, what it shows as an example works, and answers are what it says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.contract import matrix
from tests.contract.described import Doc, filled, misfits, operations
from tests.contract.matrix import Case
from tests.contract.requests_made import request_of
from tests.contract.stage import Stage
from tests.contract.test_matrix import REFUSED, ready

API = re.compile(r"<(?:[^<>:]+:)?([^<>]+)>")


@pytest.fixture(scope="module")
def doc(staged: Stage) -> Doc:
    answer = staged.app.test_client().get("/api/v1/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return answer.get_json()  # type: ignore[no-any-return]


def test_the_document_is_openapi_3_1(doc: Doc) -> None:
    assert doc["openapi"] == "3.1.0"
    assert [str(e) for e in OpenAPIV31SpecValidator(doc).iter_errors()] == []  # type: ignore[arg-type]


def test_every_route_of_the_api_is_in_it_and_nothing_else(staged: Stage, doc: Doc) -> None:
    routes = {
        (method, API.sub(r"{\1}", rule.rule))
        for rule in staged.app.url_map.iter_rules() if rule.rule.startswith("/api/")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}) or ["OPTIONS"]
    }
    assert {(method, path) for method, path, _ in operations(doc)} == routes
    assert ("POST", "/api/v1/t/{tenant}/requests/{id}/{event}") in routes


def test_every_operation_says_what_it_answers_and_takes(doc: Doc) -> None:
    """Mark the view with ``answers`` or ``lists``, and with ``takes``, ``takes_form`` or ``takes_bytes`` (plugin_sdk.web)."""
    silent = [f"{m} {p}" for m, p, o in operations(doc) if not any(s.startswith("2") for s in o["responses"])]
    assert silent == []


def test_a_description_says_who_may_call_and_how_one_proves_it(doc: Doc) -> None:
    lock = doc["paths"]["/api/v1/t/{tenant}/studies/{id}/lock"]["post"]
    assert lock["x-permissions"] == ["hospital.study.lock"]
    assert lock["security"] == [{"token": []}, {"session": [], "page": []}]
    assert doc["paths"]["/api/v1/t/{tenant}/studies"]["get"]["security"] == [{"token": []}, {"session": []}]
    assert doc["paths"]["/api/v1/openapi.json"]["get"]["security"] == []


def test_a_list_names_its_filters_and_orders(doc: Doc) -> None:
    named = {p["name"]: p["schema"] for p in doc["paths"]["/api/v1/t/{tenant}/studies"]["get"]["parameters"]}
    assert {"q", "patient_id", "accession_number", "data_id", "name", "modality", "sex", "status", "study_from",
            "study_to", "uploaded_from", "uploaded_to", "limit", "after", "sort"} <= set(named)
    assert named["status"]["enum"] == ["normal", "locked", "requested", "completed"]
    assert (named["limit"]["minimum"], named["limit"]["maximum"]) == (1, 100)
    assert {"uploaded_at", "-uploaded_at"} <= set(named["sort"]["enum"])


def test_a_field_that_holds_an_id_says_what_it_names(doc: Doc) -> None:
    body = doc["components"]["schemas"]["RequestBody"]["properties"]
    assert (body["study_id"]["x-names"], body["group"]["x-names"], body["reader"]["x-names"]) == ("study", "tenant", "account")


def test_every_example_is_accepted_and_every_answer_is_as_described(staged: Stage, found: list[Case], doc: Doc) -> None:
    failures, sent = [], 0
    for case in found:
        if case.surface != "api":
            continue
        operation = doc["paths"][API.sub(r"{\1}", case.rule.rule)][case.method.lower()]
        ids = ready(staged, case)
        made = request_of(case.rule.endpoint, case.word, ids, staged.mine)
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content and "data" not in made:
            examples = content["examples"]
            example = examples.get(case.word) or examples["example"]
            made["json"] = filled(doc, content["schema"], example["value"], _named(staged, ids))
        where = matrix.url(staged, case, tenant=staged.tenant(case.side).code, ids=ids)
        headers = {**made.pop("headers", {}), "Authorization": f"Bearer {staged.cards['right'][case.side].token}"}
        answer = staged.app.test_client().open(where, method=case.method, headers=headers, **made)
        sent += 1
        if answer.status_code >= 400 and (case.rule.endpoint, case.word) not in REFUSED:
            failures.append(f"{case}: {answer.status_code} {answer.get_data()[:300]!r}")
        failures += [f"{case}: {m}" for m in _undescribed(doc, operation, answer)]
    assert not failures, "\n".join(failures)
    assert sent >= 38


def _named(staged: Stage, ids: dict[str, str]) -> dict[str, list[str]]:
    world = staged.mine
    return {
        "study": [ids["study"], ids.get("second", ids["study"])], "tenant": [world.group.code],
        "request": [ids["request"], ids.get("second_request", ids["request"])], "account": [world.reader.account.public_id],
        "version": [ids.get("version", "1")], "sha256": [ids.get("sha256", ""), ids.get("second_sha256", "")],
    }


def _undescribed(doc: Doc, operation: Any, answer: Any) -> list[str]:
    """How an answer differs from its description: status, headers, media type, fields."""
    said = operation["responses"].get(str(answer.status_code))
    if said is None:
        return [f"status {answer.status_code} is not described"]
    found = [f"header {name} is missing" for name in said.get("headers", {}) if name not in answer.headers]
    content = said.get("content", {})
    if not content:
        return found + (["a body that is not described"] if answer.get_data() and answer.mimetype else [])
    if answer.mimetype not in content:
        return [*found, f"{answer.mimetype}, not {sorted(content)}"]
    schema = content[answer.mimetype].get("schema")
    return found + (misfits(doc, schema, answer.get_json()) if schema else [])


def test_a_refusal_is_a_problem_as_described(staged: Stage, doc: Doc) -> None:
    answer = staged.admin("hospital").call("POST", "/requests", {"study_id": 7})
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert misfits(doc, {"$ref": "#/components/schemas/Problem"}, answer.get_json()) == []
    assert {e["field"] for e in answer.get_json()["errors"]} == {"study_id", "group"}


def test_the_check_sees_a_field_that_is_not_described(doc: Doc) -> None:
    opening = {"access": "A", "dicomweb": "/g", "viewer": None, "expires_at": "2026-11-25T08:00:00+00:00"}
    schema = doc["paths"]["/api/v1/t/{tenant}/studies/{id}/images"]["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    assert misfits(doc, schema, opening) == []
    assert misfits(doc, schema, {**opening, "name": "x"}) == ["$.name is not described"]
    assert misfits(doc, schema, {**opening, "viewer": 3}) != []
