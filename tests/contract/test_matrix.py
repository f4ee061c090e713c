"""Every route, every visitor: who is turned away, with what, and that nothing of the other tenant changed or showed.

Beside it stands the right member, who must get through everywhere, or a row of refusals proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from werkzeug.test import TestResponse

from core import clock
from core.accounts.settings import Passwords
from core.tenancy.models import Membership
from core.tenancy.sessions import all_tenants
from plugin_sdk.web import Access
from plugins.consultation.settings import Reading
from tests import conftest
from tests.contract import matrix, stage
from tests.contract.matrix import Case
from tests.contract.stage import Stage

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
    ("account.enter_remembered", ""): (303, "nothing is remembered in this browser: it leads to the form"),
    ("me.confirm", ""): (422, "a wrong password; the right one would give the session of the other cases a new key"),
    ("me.skip_password", ""): (403, "nobody handed this password out"),
    ("me.change_password", ""): (422, "the current password is not given, so that everybody keeps theirs"),
    ("health.readyz", ""): (503, "no queue runs beside the tests"),
    ("metrics.show", ""): (404, "figures are off unless a bearer is set"),
    ("dicomweb.bulkdata", ""): (404, "this image keeps no bulk data apart from its pixels"),
}
"""Where the right member is refused, and why that is right."""


def owner_of(staged: Stage, endpoint: str) -> str | None:
    """The plugin that a route belongs to, None for core's."""
    return getattr(staged.app.house.blueprint_owner.get(endpoint.rpartition(".")[0]), "plugin", None)


def test_each_route_turns_each_visitor_away_as_written(staged: Stage, walked: list[Case]) -> None:
    asked = matrix.walk(staged, walked)
    off = matrix.walk_off(staged, walked, lambda endpoint: owner_of(staged, endpoint))
    assert not asked.failures + off.failures, "\n".join(asked.failures + off.failures)
    expected = matrix.expected_cells(walked, lambda endpoint: owner_of(staged, endpoint))
    assert asked.asked | off.asked == expected, sorted(expected ^ (asked.asked | off.asked))
    assert len(matrix.NOT_ASKED) == 8 and len(expected) > 12 * len(walked), "a reason not to ask came or went: look at it"


def test_an_id_of_another_tenant_answers_like_one_that_does_not_exist(staged: Stage, walked: list[Case]) -> None:
    different = [f"{case}: {a} / {b}" for case in walked for a, b in matrix.pairs(staged, case) if a != b]
    assert not different, "\n".join(different)


def test_the_right_member_gets_through_everywhere(staged: Stage, walked: list[Case]) -> None:
    failures = []
    for case in walked:
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
    return matrix.call(staged, case, where, staged.cards[case.card][case.side], ids)


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
    if endpoint == "me.end_session":
        ids["session"] = stage.live_session(world.h_admin)
    if endpoint == "studies.visibility":
        row = stage.make_study(world)
        ids["study"], ids["series_uid"] = row.public_id, f"{row.uid}.1"
    if endpoint in ("studies.unlock", "studies_api.unlock"):
        assert world.h_admin.call("POST", f"/studies/{ids['study']}/lock").status_code == 200
    if endpoint in ("plugins.save", "settings.save"):
        cls = Reading if endpoint == "plugins.save" else Passwords
        ids["version"] = stage.settings_version(staged.admin(case.side), cls)
    if endpoint == "lists.delete_view":
        ids[f"view.{case.side}"] = stage.view(staged.admin(case.side), "甲")
    if endpoint in ("exports.cancel", "exports.start"):
        ids[f"export.{case.side}"] = stage.export(staged.admin(case.side), "甲", "queued" if endpoint == "exports.cancel" else "done")
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


def test_every_view_says_who_may_use_it(staged: Stage) -> None:
    assert {type(getattr(v, "access", None)) for v in staged.app.view_functions.values()} == {Access}
