"""What no source file may do, each rule with something that it must find."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.contract.test_layers import modules

Rule = Callable[[ast.Module], Iterator[int]]
FOREIGN_CODE = frozenset({"pickle", "cPickle", "dill", "shelve", "marshal", "yaml", "jsonpickle", "joblib"})
RUNS_TEXT = frozenset({"eval", "exec", "compile", "os.system", "os.popen", "__import__", "subprocess.getoutput"})
BULK = frozenset({"bulk_insert_mappings", "bulk_update_mappings", "bulk_save_objects"})

ALL_TENANTS: Mapping[str, str] = {
    "core/web/metrics.py": "counts what waits, for whoever runs the house",
    "core/access/": "grants and openings cross tenants: asked by grantee, answered with ids",
    "core/accounts/": "before anybody is a member of anything; a person's own memberships",
    "core/backup/": "the whole house is kept and brought back",
    "core/cli/": "the operator's commands",
    "core/demo/": "makes the demo's tenants",
    "core/dicomweb/queries.py": "narrowed by the scope that the root gave",
    "core/host/": "memberships before there is a ctx; which plugins are on where; jobs of the platform",
    "core/invariants.py": "checks every tenant's rows; answers with ids",
    "core/lists/sheet.py": "the platform's sweeper of exported files",
    "core/reconcile/": "compares every tenant's rows with the store",
    "core/run/": "looks at the whole house before and while it runs",
    "core/intake/command.py": "the operator's command",
    "core/intake/sweep.py": "the platform's sweeper",
    "core/store/sweep.py": "the platform's sweeper",
    "core/studies/captures.py": "a study that a grant let through",
    "core/studies/reveal.py": "a study that a grant let through",
    "core/studies/tools.py": "studies of an opening, as far as its grants live",
    "core/audit/anchors.py": "heads of every chain, and what partners keep of each other",
    "core/audit/archive.py": "old entries of every tenant, chain by chain",
    "core/audit/jobs.py": "tells the platform's operators",
    "core/audit/looks.py": "batches of several tenants' looks, each in its own chain",
    "core/audit/verify.py": "walks every chain",
    "core/trial/": "makes the tenants of a plugin's own tests",
    "core/work/": "feeds every tenant's work, each piece in its own ctx",
}
"""Modules, or rooms (with a slash), that open a session over every tenant, and why."""
SESSIONS: Mapping[str, str] = {
    "core/backup/": "copies the database itself",
    "core/clock.py": "asks the database for its time",
    "core/tenancy/sessions.py": "where sessions are made",
    "core/host/context.py": "the counterpart's session on the same connection",
    "core/run/": "runs before there is a tenant; gives connections back after a fork",
    "core/cli/__init__.py": "gives connections back before serving",
    "core/host/guard.py": "asks which database it is: only one needs a savepoint",
    "core/host/purge.py": "removes tables whose models may be gone",
    "core/trial/": "gives connections back when its database is done with; looks which tables a downgrade left",
    "core/work/planner.py": "lets the database count its rows",
}
"""Modules that touch engines, connections or sessions by hand."""
CACHES: Mapping[str, str] = {
    "core/web/metrics.py": "this process's counters; bytes of the whole store",
    "core/backup/tools.py": "what the database's own programs are called and can do",
    "core/accounts/passwords.py": "a digest nobody has, for unknown phones",
    "core/audit/lists.py": "which views know a resource, from the routes of the application",
    "core/dicomweb/pixels.py": "by the file's key, which begins with its tenant",
    "core/host/hooks.py": "signatures of handlers",
    "core/host/lending.py": "the house, once per process",
    "core/work/cron.py": "times that a declaration names",
    "core/tenancy/settings.py": "the catalogue of declared settings",
    "plugin_sdk/dicom/walk.py": "the standard's dictionary",
    "plugin_sdk/settings.py": "the annotations of a settings class",
    "plugin_sdk/paper/fonts.py": "fonts of the house",
    "plugins/viewer/views.py": "files of the public viewer",
}
"""Modules that remember answers for the life of the process, and why no tenant's can come out for another."""
SCANS: Mapping[str, str] = {
    "plugins/consultation/jobs.py": "the platform's jobs, which then work tenant by tenant",
    "plugins/consultation/invariants.py": "checks every request, each in its group's ctx",
    "plugins/billing/invariants.py": "checks every group's charges, each in its ctx",
}
COMMANDS: Mapping[str, str] = {
    "core/backup/": "pg_dump and its like, and the product itself for a rehearsal",
    "core/dicomweb/decoding.py": "the decoder's child", "core/intake/child.py": "the parser's child",
    "core/run/supervisor.py": "the parts of the product",
    "core/run/dev.py": "the product itself, which makes the demo ready",
    "core/trial/check/sources.py": "mypy, and what a plugin's module brings with it in a process of its own",
}
"""Modules that start programs: fixed words, never a shell."""


def foreign_code(tree: ast.Module) -> Iterator[int]:
    """Formats that call what they name."""
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
        if FOREIGN_CODE & {n.partition(".")[0] for n in names}:
            yield node.lineno


def runs_text(tree: ast.Module) -> Iterator[int]:
    """Text that becomes code or goes to a shell."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            shell = any(k.arg == "shell" and not (isinstance(k.value, ast.Constant) and k.value.value is False) for k in node.keywords)
            if shell or ast.unparse(node.func) in RUNS_TEXT:
                yield node.lineno


def programs(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("subprocess.", "os.exec", "os.spawn", "os.posix_spawn")):
            yield node.lineno


def opens_all(tree: ast.Module) -> Iterator[int]:
    yield from _calls(tree, "all_tenants")


def scans(tree: ast.Module) -> Iterator[int]:
    yield from _calls(tree, "house.scan")


def own_sessions(tree: ast.Module) -> Iterator[int]:
    """Engines, connections and sessions by hand, and writes that pass the flush."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            last = name.rpartition(".")[2]
            if last in BULK or last in ("create_engine", "sessionmaker", "scoped_session", "get_bind") or name in ("Session", "sa.orm.Session") or (last == "connection" and name.partition(".")[2].endswith(("db.connection", "session.connection"))):
                yield node.lineno
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in ("db.engine", "db.session"):
            yield node.lineno


def caches(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                called = ast.unparse(mark.func if isinstance(mark, ast.Call) else mark)
                if called.rpartition(".")[2] in ("cache", "lru_cache"):
                    yield node.lineno


def state_by_get(tree: ast.Module) -> Iterator[int]:
    """A view for GET that writes: it opens a writing session, commits, or calls a verb of the actions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(_is_get(m) for m in node.decorator_list):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Call):
                    name = ast.unparse(inner.func)
                    writing = any(k.arg == "write" and isinstance(k.value, ast.Constant) and k.value.value is True for k in inner.keywords)
                    if writing or name.startswith("actions.") or name.endswith(".commit"):
                        yield inner.lineno


def _is_get(mark: ast.expr) -> bool:
    if not isinstance(mark, ast.Call) or not isinstance(mark.func, ast.Attribute):
        return False
    if mark.func.attr == "get":
        return True
    methods = [ast.unparse(k.value) for k in mark.keywords if k.arg == "methods"]
    return mark.func.attr == "route" and (not methods or "GET" in methods[0])


def _calls(tree: ast.Module, name: str) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in (name, f"sessions.{name}"):
            yield node.lineno


def where(rule: Rule, allowed: Mapping[str, str]) -> tuple[list[str], set[str]]:
    """Findings outside the modules and rooms that may, and those that are named for nothing."""
    found = {(path, line) for path, tree, _ in modules() for line in rule(tree)}
    reason = {p: next((a for a in allowed if p == a or (a.endswith("/") and p.startswith(a))), None) for p, _ in found}
    return sorted(f"{p}:{n}" for p, n in found if reason[p] is None), set(allowed) - set(reason.values())


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [(foreign_code, {}), (runs_text, {}), (programs, COMMANDS), (opens_all, ALL_TENANTS), (scans, SCANS),
     (own_sessions, SESSIONS), (caches, CACHES), (state_by_get, {})],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_only_the_named_modules_may(rule: Rule, allowed: Mapping[str, str]) -> None:
    assert where(rule, allowed) == ([], set()), "a new module needs a line above with its reason; one that no longer does it, none"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (foreign_code, "import pickle"), (foreign_code, "from yaml import load"), (runs_text, "eval(text)"),
        (runs_text, "subprocess.run(line, shell=True)"), (runs_text, "subprocess.run(line, shell=yes)"), (runs_text, "os.system(line)"),
        (programs, "subprocess.run(['x'])"), (opens_all, "db = all_tenants(write=True)"), (opens_all, "sessions.all_tenants()"),
        (scans, "rows = house.scan(x)"), (own_sessions, "s = Session(engine)"), (own_sessions, "db.session"),
        (own_sessions, "ctx.db.bulk_insert_mappings(Study, [])"), (own_sessions, "c = ctx.db.connection()"), (own_sessions, "sa.create_engine(url)"),
        (caches, "@cache\ndef study(): ..."), (caches, "@functools.lru_cache(maxsize=2)\ndef study(): ..."),
    ],
)
def test_a_rule_sees_what_it_forbids(rule: Rule, text: str) -> None:
    assert list(rule(ast.parse(text))) != []


@pytest.mark.parametrize(
    "body", ["actions.lock(ctx, id)", "ctx.commit()", "all_tenants(write=True)"],
)
@pytest.mark.parametrize("mark", ["bp.get('/x')", "bp.route('/x')", "bp.route('/x', methods=['GET', 'POST'])"])
def test_a_view_for_get_that_writes_is_seen(mark: str, body: str) -> None:
    assert list(state_by_get(ast.parse(f"@{mark}\ndef show():\n    {body}"))) == [3]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (runs_text, "re.compile(x)"), (runs_text, "subprocess.run(['x'], shell=False)"), (own_sessions, "ctx.db.execute(x)"),
        (own_sessions, "TenantSession(x)"), (scans, "printable.scan(x)"), (caches, "@cached_property\ndef a(self): ..."),
        (state_by_get, "@bp.post('/x')\ndef do():\n    actions.lock(ctx, id)"), (opens_all, "nobody()"),
    ],
)
def test_a_rule_lets_pass_what_is_allowed(rule: Rule, text: str) -> None:
    assert list(rule(ast.parse(text))) == []
