"""Ids that travel elsewhere than in the path: each place gets one of the other tenant's, and nothing may come of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.contract import others
from tests.contract.matrix import Case
from tests.contract.stage import Stage
from tests.contract.test_matrix import ready

ROOT = Path(__file__).resolve().parent.parent.parent
OPEN_BODIES: Mapping[str, str] = {
    "uploads_api.create": "headers", "uploads_api.send": "bytes",
    "uploads_api.abandon": "nothing", "uploads_api.finish": "nothing", "consultation_api.capture": "one file",
    "consultation_api.images": "nothing", "studies_api.images": "nothing", "studies_api.lock": "nothing",
    "studies_api.unlock": "nothing", "studies_api.delete": "nothing",
}
"""Unsafe routes of the API that take no JSON, and what they take."""
FORMS: Mapping[str, Mapping[str, str]] = {
    "requests.confirm_many": {"row": "request"},
    "start.submit": {"group": "tenant", "reader": "account"},
    "start.fee": {"group": "tenant", "reader": "account"},
    "fees.rows": {"reader": "account"},
    "fees.save": {"reader": "account"},
}
"""Fields of forms that name something, by endpoint: field to resource."""
NO_IDS: Mapping[str, str] = {
    "tenant": "the page to land on: another tenant's code means none of mine",
    "sop_instance_uid": "a remark on a capture where it was taken; nothing is looked up by it",
}
"""Fields that look like ids and are none."""
LOOKS_LIKE = frozenset({*others.THEIRS, "row", "group", "reader", "user", "role", "member", "link", "series", "patient"})


def says(walked: tuple[int, list[str]], least: int) -> None:
    cells, failures = walked
    assert not failures, "\n".join(failures)
    assert cells >= least, f"only {cells} were asked"


def test_an_id_of_another_tenant_in_a_body_is_refused_and_nothing_is_done(staged: Stage, found: list[Case]) -> None:
    says(others.walk_bodies(staged, found, ready), 10)


def test_an_id_of_another_tenant_in_a_form_is_refused_and_nothing_is_done(staged: Stage, found: list[Case]) -> None:
    says(others.walk_forms(staged, found, ready, FORMS), 3)


def test_a_cursor_of_another_tenant_is_one_that_does_not_exist(staged: Stage, walked: list[Case]) -> None:
    says(others.walk_cursors(staged, walked), len(walked))


def test_no_filter_and_no_order_brings_a_row_of_another_tenant(staged: Stage) -> None:
    assert {s.name for s in others.lists()} >= {"studies", "requests", "diagnosis.pending", "diagnosis.done"}
    says(others.walk_lists(staged), 300)


def test_a_job_with_ids_of_another_tenant_does_nothing(staged: Stage) -> None:
    says(others.walk_jobs(staged), 4)


def test_an_event_that_names_things_of_another_tenant_does_nothing(staged: Stage) -> None:
    says(others.walk_events(staged), 4)


def test_each_body_of_the_api_is_named_on_its_view(staged: Stage, found: list[Case]) -> None:
    unsafe = {c.rule.endpoint for c in found if c.surface == "api" and c.method in ("POST", "PUT", "PATCH", "DELETE")}
    assert unsafe - {endpoint for endpoint, _ in others.bodies(staged.app)} == set(OPEN_BODIES)


def test_a_field_that_holds_an_id_says_what_it_names(staged: Stage) -> None:
    assert [
        f"{e}: {'.'.join(p)}" for e, m in others.bodies(staged.app) for p, ref in others.fields(m) if bare(p[-1]) and not ref
    ] == []


def test_a_form_field_that_holds_an_id_says_what_it_names() -> None:
    named = {name for fields in FORMS.values() for name in fields} | set(NO_IDS)
    read = {
        name
        for part in ("core", "plugins")
        for path in (ROOT / part).rglob("*.py")
        for name in form_fields(ast.parse(path.read_text("utf-8")))
    }
    assert read >= named, "no view reads these any more"
    assert {n for n in read if bare(n) or n in LOOKS_LIKE} - named == set()


def bare(name: str) -> bool:
    """Whether a name looks as if it held an id."""
    return name in ("id", "ids", "uid", "uids") or name.endswith(("_id", "_ids", "_uid", "_uids"))


def form_fields(tree: ast.Module) -> Iterator[str]:
    """Names that a module reads from a form."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "getlist"):
            of, names = ast.unparse(node.func.value), node.args[:1]
        elif isinstance(node, ast.Subscript):
            of, names = ast.unparse(node.value), [node.slice]
        else:
            continue
        if of == "form" or of.endswith(".form"):
            yield from (str(n.value) for n in names if isinstance(n, ast.Constant))


@pytest.mark.parametrize("text", ["request.form.get('study_id')", "form.getlist('study_id')", "x = request.form['study_id']"])
def test_the_rule_sees_a_field_that_is_read(text: str) -> None:
    assert [n for n in form_fields(ast.parse(text)) if bare(n)] == ["study_id"]
