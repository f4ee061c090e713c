"""What the code may use where. The import contracts themselves are in setup.cfg; see test_documents."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PARTS = ("core", "plugins", "plugin_sdk", "transfer")
CLIENTS = frozenset({"requests", "httpx", "urllib3", "aiohttp", "http.client", "urllib.request", "smtplib", "ftplib"})
TABLES: Mapping[str, str] = {
    "core/tenancy/sessions.py": "where scope is made: bulk inserts get their tenant here",
    "core/dicomweb/queries.py": "a cache of metadata, written beside the reading session",
    "core/web/health.py": "asks whether the database answers",
    "core/run/doctor.py": "reads the database's own settings",
    "core/work/planner.py": "lets SQLite look at how its tables have grown",
    "core/run/migrate.py": "runs before there is a tenant",
    "core/store/sweep.py": "asks every table, a plugin's too, whether it points to a blob",
    "core/backup/snapshot.py": "photographs the whole database",
    "core/host/purge.py": "removes tables whose models may be gone",
}
"""Modules that may speak to tables past the session's criterion, and why."""
CLOCK: Mapping[str, str] = {
    "core/clock.py": "the one place", "core/intake/sweep.py": "compares with the file system's own clock",
    "core/reconcile/orphans.py": "compares with the file system's own clock",
}
MARKUP: Mapping[str, str] = {
    "core/web/slots.py": "a plugin's template, rendered with autoescape",
    "plugins/consultation/requests/views.py": "the report's template, rendered with autoescape",
}
Found = tuple[str, int]


def modules() -> Iterator[tuple[str, ast.Module, list[str]]]:
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield str(path.relative_to(ROOT)), ast.parse(text), text.splitlines()


def clients(tree: ast.Module) -> Iterator[int]:
    """Imports of what calls out."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or "", *(f"{node.module}.{a.name}" for a in node.names)]
        if any(n == c or n.startswith(f"{c}.") for n in names for c in CLIENTS):
            yield node.lineno


def table_statements(tree: ast.Module) -> Iterator[int]:
    """``__table__``, ``insert``, ``text`` and raw SQL; the ``where`` of a partial index is a declaration, not a statement."""
    declared = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and (node.arg or "").endswith("_where")
        for inner in ast.walk(node.value)
    }
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "__table__":
            yield node.lineno
        if isinstance(node, ast.Call) and id(node) not in declared:
            name = ast.unparse(node.func)
            bare = name in ("insert", "text") and name in imported
            if bare or name in ("sa.insert", "sa.text") or name.endswith((".from_statement", ".exec_driver_sql")):
                yield node.lineno


def clocks(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"
        ):
            yield node.lineno


def markup(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Markup", "markupsafe.Markup"):
            yield node.lineno


def where(rule: object, allowed: Mapping[str, str]) -> tuple[list[str], set[str]]:
    """Findings outside the modules that may, and those modules that no longer need to."""
    found = {(path, line) for path, tree, _ in modules() for line in rule(tree)}  # type: ignore[operator]
    return sorted(f"{p}:{n}" for p, n in found if p not in allowed), set(allowed) - {p for p, _ in found}


def test_one_module_calls_out_over_the_network() -> None:
    assert where(clients, {"core/outbound.py": "checks the address and connects to it"}) == ([], set())


def test_only_named_modules_speak_to_tables_past_the_session() -> None:
    assert where(table_statements, TABLES) == ([], set())


def test_the_wall_clock_is_read_in_one_place() -> None:
    assert where(clocks, CLOCK) == ([], set())


def test_only_named_modules_call_a_text_safe() -> None:
    assert where(markup, MARKUP) == ([], set())
    unsafe = [
        str(path.relative_to(ROOT))
        for part in ("core", "plugins")
        for path in (ROOT / part).rglob("templates/**/*.html")
        if "|safe" in path.read_text(encoding="utf-8").replace(" ", "")
    ]
    assert unsafe == []


def test_a_broad_except_says_why_or_raises_again() -> None:
    silent = []
    for path, tree, lines in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
                again = any(isinstance(n, ast.Raise) for n in ast.walk(node))
                if broad and not again and "#" not in lines[node.lineno - 1]:
                    silent.append(f"{path}:{node.lineno}")
                if all(isinstance(n, ast.Pass) for n in node.body) and broad:
                    silent.append(f"{path}:{node.lineno}")
    assert silent == []


def test_a_plugins_manifest_imports_only_the_sdk() -> None:
    """At the top of the file: the body of a hook imports its own package when it is called."""
    heavy = []
    for path in sorted((ROOT / "plugins").glob("*/plugin.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            heavy += [f"{path.parent.name}: {n}" for n in names if n.split(".")[0] not in ("plugin_sdk", "__future__", "collections", "typing")]
    assert heavy == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (clients, "import requests"), (clients, "from urllib import request"), (clients, "from urllib.request import urlopen"),
        (clients, "import http.client"), (table_statements, "s.execute(sa.select(Study.__table__))"),
        (table_statements, "s.execute(sa.text('select 1'))"), (table_statements, "from sqlalchemy import insert; s.execute(insert(Study))"),
        (table_statements, "c.exec_driver_sql('x')"), (clocks, "at = datetime.now(UTC)"), (clocks, "day = date.today()"),
        (markup, "Markup(text)"),
    ],
)
def test_the_rules_see_what_they_forbid(rule: object, text: str) -> None:
    assert list(rule(ast.parse(text))) == [1]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("rule", "text"),
    [(clients, "from urllib.parse import urlsplit"), (table_statements, "sa.Index('a', sqlite_where=sa.text('b'))"),
     (table_statements, "names.insert_all(x)"), (table_statements, "line = text(3)"), (clocks, "at = clock.now()")],
)
def test_the_rules_let_pass_what_is_allowed(rule: object, text: str) -> None:
    assert list(rule(ast.parse(text))) == []  # type: ignore[operator]
