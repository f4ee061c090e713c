"""Whoever changes something leaves an entry: every unsafe route is called by the right member, and its rows are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from core.audit.models import Audit
from core.audit.verify import verify
from core.tenancy.sessions import all_tenants
from tests.contract import matrix, stage
from tests.contract.matrix import SAFE, Case
from tests.contract.stage import Stage
from tests.contract.test_matrix import allowed

BOOKS = frozenset({"audit", "audit_head", "notice", "outbox", "delivery", "job", "core_timer", "idempotency", "daily"})
"""Tables that keep the books of an act; a change of theirs alone is no act."""
UNLOGGED: Mapping[str, str] = {
    "lists.columns": "which columns a person looks at",
    "lists.save_view": "a person's own view",
    "lists.change_view": "a person's own view",
    "lists.delete_view": "a person's own view",
    "exports.start": "logged when the file is made",
    "exports.cancel": "nothing was handed out",
    "account.set_landing": "a person's own choice",
    "work.read": "a notice that was read",
    "consultation_api.renew": "the same claim, a little longer",
    "consultation_api.save_draft": "the first save of a claim is logged; the words are the report's",
    "workspace.keep": "logged when it is the first of a claim",
    "consultation_api.capture": "a picture in a draft; the sealed report names it",
    "uploads_api.create": "a batch is logged once it is done, by study",
    "uploads_api.multipart": "a batch is logged once it is done, by study",
    "uploads_api.send": "a batch is logged once it is done, by study",
    "uploads_api.finish": "a batch is logged once it is done, by study",
    "uploads_api.abandon": "nothing was stored",
}
"""Routes that change rows without an entry, each with its reason. It grows by a decision, never by an accident."""


def entries(staged: Stage) -> list[tuple[int, int, str, str]]:
    tenants = (staged.mine.hospital.id, staged.mine.group.id)
    with staged.app.app_context(), all_tenants() as db:
        rows = db.execute(
            sa.select(Audit.id, Audit.tenant_id, Audit.kind, Audit.ref).where(Audit.tenant_id.in_(tenants)).order_by(Audit.id)
        )
        return [(i, t, k, r) for i, t, k, r in rows]


@pytest.fixture
def unsafe(walked: list[Case]) -> list[Case]:
    return [c for c in walked if c.method not in SAFE and c.rule.endpoint != "account.logout"]


def test_an_act_that_changes_rows_writes_its_entry_and_only_once(
    staged: Stage, unsafe: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    failures, logged = [], 0
    call = matrix.call
    taken: dict[str, Any] = {"rows": {}, "last": 0}

    def noting(*given: Any, **more: Any) -> TestResponse:
        """The call itself, with a look at the rows before it; what makes the things ready came earlier."""
        taken.update(rows=stage.rows_of(staged.mine), last=max((e[0] for e in entries(staged)), default=0))
        return call(*given, **more)

    monkeypatch.setattr(matrix, "call", noting)
    for case in unsafe:
        answer = allowed(staged, case)
        if answer.status_code >= 400:
            continue
        changed = set(stage.changed(taken["rows"], stage.rows_of(staged.mine))) - BOOKS
        fresh = [e[1:] for e in entries(staged) if e[0] > taken["last"]]
        logged += bool(fresh)
        if changed and not fresh and case.rule.endpoint not in UNLOGGED:
            failures.append(f"{case}: changed {sorted(changed)} and wrote no entry")
        if len(fresh) != len(set(fresh)):
            failures.append(f"{case}: wrote an entry twice: {fresh}")
    assert not failures, "\n".join(failures)
    assert logged > len(unsafe) // 4


def test_each_route_that_is_excused_exists(staged: Stage) -> None:
    assert UNLOGGED.keys() - staged.app.view_functions.keys() == set()


def test_all_that_the_walk_wrote_still_verifies(staged: Stage) -> None:
    with staged.app.app_context():
        codes = {staged.mine.hospital.code, staged.mine.group.code}
        assert {v.tenant: v.bad for c in codes for v in verify(staged.app.house, tenant=c)} == dict.fromkeys(codes)
