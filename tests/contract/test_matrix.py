"""Every route, every visitor: who is turned away, with what, and that nothing of the other tenant changed or showed.

Beside it stands the right member, who must get through everywhere, or a row of refusals proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import BaseModel
from werkzeug.test import TestResponse

from core import clock
from core.tenancy.models import Membership
from core.tenancy.sessions import all_tenants
from plugin_sdk.web import Access
from tests import conftest
from tests.contract import matrix, stage
from tests.contract.matrix import Case
from tests.contract.requests_made import request_of
from tests.contract.stage import Stage

CELLS = 2982
"""Cells of the two walks. It changes with every route: see that the new number is what you expect."""
NEEDS: Mapping[str, str] = {
    "accept": "SUBMITTED", "assign": "SUBMITTED", "return": "SUBMITTED", "withdraw": "SUBMITTED",
    "open": "ACCEPTED", "consultation_api.renew": "ACCEPTED", "unlock": "ACCEPTED", "send_to_review": "DIAGNOSING", "submit": "DIAGNOSING",
    "start_review": "PENDING_REVIEW", "approve": "REVIEWING", "reject": "REVIEWING", "return_report": "APPROVED",
    "confirm": "APPROVED", "adjust": "CONFIRMED", "delete_report": "CONFIRMED", "printed": "CONFIRMED",
    "consultation_api.save_draft": "DIAGNOSING", "workspace.keep": "DIAGNOSING", "diagnosis.accept": "SUBMITTED",
    "requests.report": "CONFIRMED", "requests.save_report": "CONFIRMED", "requests.print_report": "CONFIRMED",
    "consultation_api.report_pdf": "CONFIRMED", "requests.confirm_many": "APPROVED",
    "consultation_api.confirm_many": "APPROVED",
}
"""The state in which a request lets an event or a route through."""
NO_REQUEST = frozenset({
    "consultation_api.make", "consultation_api.batch", "start.submit", "start.dialog", "studies.delete", "studies_api.delete",
    "studies.lock", "studies_api.lock", "studies.unlock", "studies_api.unlock",
})
"""Routes that want a study which nobody asked about."""
REFUSED: Mapping[tuple[str, str], tuple[int, str]] = {
    ("account.enter", ""): (401, "a wrong password: the right one is how every session of this test began"),
    ("account.change_password", ""): (422, "the current password is wrong, so that everybody keeps theirs"),
    ("health.readyz", ""): (503, "no queue runs beside the tests"),
    ("dicomweb.bulkdata", ""): (404, "this image keeps no bulk data apart from its pixels"),
}
"""Where the right member is refused, and why that is right."""


@pytest.fixture(scope="module")
def staged(request: pytest.FixtureRequest) -> Stage:
    return stage.build(request.getfixturevalue("app"))


@pytest.fixture(scope="module")
def found(staged: Stage) -> list[Case]:
    return list(matrix.cases(staged.app))


def owner_of(staged: Stage, endpoint: str) -> str | None:
    """The plugin that a route belongs to, None for core's."""
    return getattr(staged.app.house.blueprint_owner.get(endpoint.rpartition(".")[0]), "plugin", None)


def test_each_route_turns_each_visitor_away_as_written(staged: Stage, found: list[Case]) -> None:
    walked = matrix.walk(staged, found)
    off = matrix.walk_off(staged, found, lambda endpoint: owner_of(staged, endpoint))
    assert not walked.failures + off.failures, "\n".join(walked.failures + off.failures)
    assert walked.cells + off.cells == CELLS, "routes came or went: look at them, then write the new number"


def test_an_id_of_another_tenant_answers_like_one_that_does_not_exist(staged: Stage, found: list[Case]) -> None:
    different = [f"{case}: {a} / {b}" for case in found for a, b in matrix.pairs(staged, case) if a != b]
    assert not different, "\n".join(different)


def test_the_right_member_gets_through_everywhere(staged: Stage, found: list[Case]) -> None:
    failures = []
    for case in found:
        if case.rule.endpoint == "account.logout":
            continue  # it ends the session that the other cases hold; the stage itself logs out
        answer = allowed(staged, case)
        status, _ = REFUSED.get((case.rule.endpoint, case.word), (0, ""))
        if answer.status_code != status if status else answer.status_code >= 400:
            failures.append(f"{case}: {answer.status_code} {answer.get_data()[:200]!r}")
        if stage.MARK in matrix.readable(answer):
            failures.append(f"{case}: shows a text of the other tenant")
    assert not failures, "\n".join(failures)


def allowed(staged: Stage, case: Case) -> TestResponse:
    """The right member, with things in the state that the route is for."""
    ids = ready(staged, case)
    where = matrix.url(staged, case, tenant=staged.tenant(case.side).code, ids=ids)
    card = staged.cards["session" if case.surface in ("account", "public") else "right"][case.side]
    return matrix.call(staged, case, where, card, ids)


def ready(staged: Stage, case: Case) -> dict[str, str]:
    """Ids of ours, fresh ones where the route uses them up."""
    world, ids, endpoint = staged.mine, dict(staged.ids["mine"]), case.rule.endpoint
    state = NEEDS.get(endpoint) or NEEDS.get(case.word, "")
    if endpoint in NO_REQUEST:
        ids["study"], ids["second"] = stage.make_study(world).public_id, stage.make_study(world).public_id
    elif state:
        ids["request"], ids["version"], ids["sha256"] = _request(world, state)
        if endpoint.endswith("confirm_many"):
            ids["second_request"], _, ids["second_sha256"] = _request(world, state)
    if endpoint == "studies.visibility":
        row = stage.make_study(world)
        ids["study"], ids["series_uid"] = row.public_id, f"{row.uid}.1"
    if endpoint in ("studies.unlock", "studies_api.unlock"):
        assert world.h_admin.call("POST", f"/studies/{ids['study']}/lock").status_code == 200
    if endpoint == "workspace.keep":
        words = {"rev": 0, "findings": "双肺纹理清晰。", "impression": "未见异常。"}
        assert world.g_admin.call("PUT", f"/requests/{ids['request']}/draft", words).status_code == 200
    if endpoint.startswith("uploads_api.") and "upload" in dict(case.kinds).values():
        ids["upload"] = stage.upload(world)
    return ids


def _request(world: Any, state: str) -> tuple[str, str, str]:
    mine = state in ("ACCEPTED", "DIAGNOSING")
    id = stage.drive(world, stage.make_study(world).public_id, state, author="g_admin" if mine else "reader", reviewer="g_admin")
    return id, str(world.h_admin.call("GET", f"/requests/{id}").get_json()["version"]), stage.sealed(world, id)


def test_the_door_leads_to_the_login_also_for_a_fragment(staged: Stage) -> None:
    where = f"/t/{staged.mine.hospital.code}/studies"
    answer = staged.app.test_client().get(where, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?next=/")
    assert staged.app.test_client().get(where).headers["Location"] == f"/login?next={where}"


def test_an_opening_ends_for_a_member_who_left(staged: Stage) -> None:
    world, study = staged.mine, staged.ids["mine"]["study"]
    with staged.app.app_context():
        member = conftest.make_member(staged.app, world.hospital, "admin", "leaver")
    opened = member.call("POST", f"/studies/{study}/images").get_json()["dicomweb"]

    def look() -> int:
        headers = {"Authorization": f"Bearer {member.token}"}
        return int(staged.app.test_client().get(f"{opened}/studies", headers=headers).status_code)

    assert look() == 200
    with staged.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.update(Membership).where(Membership.account_id == member.account.id).values(left_at=clock.now()))
    assert look() == 404


# Ids that travel in bodies.

OPEN_BODIES = {
    "uploads_api.multipart": "files", "uploads_api.create": "headers", "uploads_api.send": "bytes",
    "uploads_api.abandon": "nothing", "uploads_api.finish": "nothing", "consultation_api.capture": "one file",
    "consultation_api.images": "nothing", "studies_api.images": "nothing", "studies_api.lock": "nothing",
    "studies_api.unlock": "nothing", "studies_api.delete": "nothing",
}
"""Unsafe routes of the API that take no JSON, and what they take."""
CARRIES = {"images": "send_to_review", "reader": "assign"}
"""The event whose body means a field."""


def bodies(app: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    for endpoint, view in app.view_functions.items():
        if isinstance(getattr(view, "body", None), type):
            yield endpoint, view.body


def fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each field of a body and of what lies in it, with the resource that it names."""
    for name, info in model.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        yield (*path, name), str(extra.get("ref", ""))
        for inner in (info.annotation, *getattr(info.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from fields(inner, (*path, name))


def test_each_body_of_the_api_is_named_on_its_view(staged: Stage, found: list[Case]) -> None:
    unsafe = {c.rule.endpoint for c in found if c.surface == "api" and c.method in ("POST", "PUT", "PATCH", "DELETE")}
    assert unsafe - {endpoint for endpoint, _ in bodies(staged.app)} == set(OPEN_BODIES)


def test_a_field_that_holds_an_id_says_what_it_names(staged: Stage) -> None:
    def bare(name: str) -> bool:
        return name in ("id", "ids") or name.endswith(("_id", "_ids", "uid", "uids"))

    assert [f"{e}: {'.'.join(p)}" for e, m in bodies(staged.app) for p, ref in fields(m) if bare(p[-1]) and not ref] == []


def test_an_id_of_another_tenant_in_a_body_is_refused_and_nothing_is_done(staged: Stage, found: list[Case]) -> None:
    failures, cells = [], 0
    for endpoint, model in bodies(staged.app):
        for path, ref in fields(model):
            if not ref:
                continue
            word = CARRIES.get(path[-1], "") if endpoint == "consultation_api.act" else ""
            case = next(c for c in found if (c.rule.endpoint, c.word) == (endpoint, word))
            ids = ready(staged, case)
            body = request_of(endpoint, case.word, ids, staged.mine)["json"]
            place(body, path, THEIRS[ref](staged))
            before = stage.rows_of(staged.mine), stage.rows_of(staged.theirs)
            where = matrix.url(staged, case, tenant=staged.tenant(case.side).code, ids=ids)
            answer = staged.app.test_client().open(
                where, method=case.method, json=body, headers={"Authorization": f"Bearer {staged.cards['right'][case.side].token}"}
            )
            cells += 1
            outcomes = {i["outcome"] for i in answer.get_json().get("items", ())} if answer.status_code == 200 else set()
            if answer.status_code not in (404, 422) and outcomes != {"refused"}:
                failures.append(f"{case} {'.'.join(path)}: {answer.status_code} {answer.get_data()[:200]!r}")
            for old, world in zip(before, (staged.mine, staged.theirs), strict=True):
                if tables := stage.changed(old, stage.rows_of(world)):
                    failures.append(f"{case} {'.'.join(path)}: changed {tables}")
    assert not failures, "\n".join(failures)
    assert cells == 10


THEIRS = {
    "study": lambda s: s.ids["theirs"]["study"],
    "request": lambda s: s.ids["theirs"]["request"],
    "capture": lambda s: s.ids["theirs"]["capture"],
    "account": lambda s: s.theirs.reader.account.public_id,
    "tenant": lambda s: s.theirs.group.code,
}


def place(body: Any, path: tuple[str, ...], value: str) -> None:
    """Put an id where the path says: beside ours in a list, into the last of many objects."""
    name, rest = path[0], path[1:]
    if rest:
        place(body[name][-1] if isinstance(body[name], list) else body[name], rest, value)
    elif isinstance(body.get(name), list) or name.endswith(("s_ids", "_ids", "images")):
        body[name] = [*body.get(name, ()), value]
    else:
        body[name] = value


def test_lists_hold_nothing_of_the_other_tenant_however_they_are_asked(staged: Stage) -> None:
    theirs = staged.ids["theirs"]
    asked = 0
    for side, paths in (("hospital", ("/studies", "/requests")), ("group", ("/requests",))):
        for path in paths:
            for query in ("", f"?q={stage.MARK}", f"?after={theirs['request']}", f"?after={theirs['study']}", "?after=1", "?before=999999999"):
                answer = staged.admin(side).call("GET", path + query)
                asked += 1
                assert stage.MARK not in answer.get_data(as_text=True), (path, query)
                assert theirs["study"] not in answer.get_data(as_text=True), (path, query)
                assert answer.status_code in (200, 422), (path, query)
    assert asked == 18


def test_every_view_says_who_may_use_it(staged: Stage) -> None:
    assert {type(getattr(v, "access", None)) for v in staged.app.view_functions.values()} == {Access}
