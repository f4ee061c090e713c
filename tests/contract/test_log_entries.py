"""Every kind of log entry has a title, and every fact of one a label: a person reads sentences, not keys."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.audit import words

ROOT = Path(__file__).parents[2]


WRITERS = {"audit": 0, "note": 2, "append": -1}
"""``ctx.audit(kind, ...)``, ``journal.note(db, account, kind, ...)``, ``chain.append(session, kind=...)``."""
FRAME = {"ref", "tenant_id", "account_id", "kind"}


def entries() -> Iterator[tuple[str, str | None, list[str]]]:
    """Where, which kind (None when it is worked out) and which facts, of each entry that the source writes."""
    for folder in ("core", "plugins"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (kind := kind_of(node)) is not None:
                    assert isinstance(node, ast.Call)
                    facts = [k.arg for k in node.keywords if k.arg and k.arg not in FRAME]
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", kind or None, facts


def kind_of(node: ast.AST) -> str | None:
    """The kind that a call writes; empty when it is worked out, None when the call is something else."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in WRITERS:
        return None
    place, named = WRITERS[node.func.attr], {k.arg: k.value for k in node.keywords}
    if place < 0:
        given = named.get("kind")
    else:
        given = node.args[place] if len(node.args) > place else None
    if given is None or (node.func.attr == "note" and getattr(node.func.value, "id", "") != "journal"):
        return None
    return str(given.value) if isinstance(given, ast.Constant) else ""


def test_every_kind_that_is_written_has_a_title(house: Any) -> None:
    titled = house.plugins.house.audit_kinds
    found = list(entries())
    assert len(found) > 15
    assert [f"{where}: declare {kind} with audit_kind" for where, kind, _ in found if kind and kind not in titled] == []


def test_every_fact_that_is_written_has_a_label(house: Any) -> None:
    known = words.LABELS.keys() | words.SILENT | house.plugins.house.audit_facts.keys()
    bare = [f"{where}: label {f} with audit_kind(..., facts=)" for where, _, facts in entries() for f in facts if f not in known]
    assert bare == []
