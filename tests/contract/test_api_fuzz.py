"""Calls made from the API's description, valid and not: no failure of the server, no answer outside of the description."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.studies.models import Study
from tests.conftest import World
from tests.contract import stage
from tests.contract.described import filled

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
EACH = 8
"""Calls per operation and mode: enough to meet every kind of wrong value, few enough for every run of the suite."""
QUICK = settings(
    max_examples=EACH, derandomize=True, database=None, deadline=None,
    suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
)


@schemathesis.serializer("application/offset+octet-stream")
def octets(_: schemathesis.SerializationContext, value: Any) -> Any:
    return value if isinstance(value, bytes) else str(value).encode()


def test_no_call_makes_the_server_fail_or_answer_otherwise_than_described(
    world: World, make_study: Callable[..., Study]
) -> None:
    """Every second call has ids that exist, so that it is not refused for its ids alone."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", world.app)
    doc = world.app.extensions["openapi"]
    ids = _ids(world, make_study)
    turns, answers, failures = count(), Counter[int](), []
    for found in schema.get_all_operations():
        operation = found.ok()
        side = _side(operation.definition.raw)
        member = world.h_admin if side == "hospital" else world.g_admin

        def call(case: Any, member: Any = member) -> None:
            _place(doc, case, member.tenant.code, ids, real=next(turns) % 2 == 0)
            answer = case.call(headers={"Authorization": f"Bearer {member.token}"})
            answers[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        failures += [f"{operation.label}: {said}" for mode in MODES if (said := _fallen(operation, mode, call))]
    assert not failures, "\n\n".join(failures)
    assert answers[200] + answers[201] + answers[202] + answers[204] > 60, answers
    assert {404, 409, 422} <= set(answers), answers


def _fallen(operation: Any, mode: schemathesis.GenerationMode, call: Callable[[Any], None]) -> str:
    """What is wrong with the answers to calls of one operation; empty when nothing is, or nothing wrong can be sent."""

    @QUICK
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        call(case)

    try:
        ask()
    except Unsatisfiable:
        return ""
    except FailureGroup as group:
        return "\n".join(f"{e.title}: {e.message}"[:600] for e in group.exceptions)
    return ""


def _side(operation: Mapping[str, Any]) -> str:
    return str(operation.get("x-permissions", ["hospital."])[0]).partition(".")[0]


def _ids(world: World, make_study: Callable[..., Study]) -> dict[str, list[str]]:
    """By what a field names: things of this world that are there."""
    studies = [make_study(world).public_id for _ in range(4)]
    asked = [stage.drive(world, make_study(world).public_id, state) for state in ("SUBMITTED", "DIAGNOSING", "APPROVED")]
    return {
        "study": studies, "request": asked, "upload": [stage.upload(world), stage.upload(world)],
        "tenant": [world.group.code], "account": [world.reader.account.public_id], "version": ["1"], "sha256": [""],
    }


def _place(doc: Mapping[str, Any], case: Any, tenant: str, ids: dict[str, list[str]], *, real: bool) -> None:
    """Put this world's tenant, and ids that exist if ``real``, where the description says what is named."""
    if "tenant" in (case.path_parameters or {}):
        case.path_parameters["tenant"] = tenant
    if not real:
        return
    for parameter in case.operation.definition.raw.get("parameters", ()):
        named = ids.get(parameter["schema"].get("x-names", ""))
        if parameter["in"] == "path" and named and parameter["name"] != "tenant":
            case.path_parameters[parameter["name"]] = named[0]
    content = case.operation.definition.raw.get("requestBody", {}).get("content", {}).get("application/json")
    if content and isinstance(case.body, dict):
        try:
            case.body = filled(doc, content["schema"], case.body, ids)
        except (KeyError, AttributeError):
            return  # no body of this model: sent as it was made
