"""What can be seen without starting anything: metadata, imports, what a plugin costs at start, texts, types."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

from babel.messages.mofile import read_mo

from core.trial.check import Finding, Findings
from core.trial.package import Package

HEAVY = ("flask", "sqlalchemy", "flask_sqlalchemy", "pydicom", "numpy", "reportlab", "xhtml2pdf")
OURS = ("core", "plugins", "transfer", "migrations")
BY_HAND = frozenset({"create_engine", "sessionmaker", "scoped_session", "get_bind"})
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
SECONDS = 300
LAZY_SOURCE = "import json, sys; import {module}; print(json.dumps(sorted(set(sys.modules) & set({heavy!r}))))"


def check(package: Package) -> Findings:
    yield from pins(package)
    for name, point in package.points.items():
        home = package.home(name)
        manifest = home / f"{point.module.rpartition('.')[2]}.py"
        if name in package.plugins:
            yield from manifest_imports(package, manifest)
        yield from import_cost(package, point.module, manifest)
        for path in sorted(home.rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            yield from reaches_in(package, path, tree)
            yield from opens_sessions(package, path, tree)


def pins(package: Package) -> Findings:
    """The house decides the versions of what it stands on; a second opinion makes it impossible to install."""
    ours = {_normal(r) for r in requires("telerad") or ()}
    where = package.shown(package.folder / ("pyproject.toml" if (package.folder / "pyproject.toml").exists() else "setup.cfg"))
    for line in package.dist.requires or ():
        bare, name = line.partition(";")[0].strip(), _normal(line)
        versions = re.sub(r"\[.*?\]", "", bare)[len(NAME.match(bare)[0]):].strip(" ()") if NAME.match(bare) else ""  # type: ignore[index]
        if name == "telerad" and ("==" in versions or "~=" in versions):
            yield Finding(where, f"pins {bare}", "write a range up to the next major release, like telerad>=0.1,<1")
        elif name in ours - {"telerad"} and versions:
            yield Finding(where, f"asks for {bare}, which the house has in a version of its own", f"write {name} without a version, or leave it out")


def _normal(requirement: str) -> str:
    found = NAME.match(requirement.strip())
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def manifest_imports(package: Package, path: Path) -> Findings:
    """At the top of the file: the body of a hook imports its own package when it is called."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        for name in _imported(node):
            if name.split(".")[0] not in (*sys.stdlib_module_names, "plugin_sdk"):
                yield Finding(
                    f"{package.shown(path)}:{node.lineno}", f"imports {name} at the top",
                    "name it by a dotted string in register(), or import it in the body of the hook",
                )


def import_cost(package: Package, module: str, path: Path) -> Findings:
    """Import it in a process of its own and look at what came with it."""
    done = subprocess.run(
        [sys.executable, "-c", LAZY_SOURCE.format(module=module, heavy=HEAVY)], capture_output=True, text=True, timeout=SECONDS
    )
    if done.returncode:
        yield Finding(package.shown(path), f"cannot be imported: {done.stderr.strip().splitlines()[-1]}", "mend the import")
    elif heavy := json.loads(done.stdout.splitlines()[-1]):
        yield Finding(
            package.shown(path), f"importing it imports {', '.join(heavy)}",
            "use the light half of plugin_sdk here (api types events consultation i18n node) and import the rest where it is used",
        )


def reaches_in(package: Package, path: Path, tree: ast.Module) -> Findings:
    for node in ast.walk(tree):
        for name in _imported(node):
            if name.split(".")[0] in OURS:
                yield Finding(
                    f"{package.shown(path)}:{node.lineno}", f"imports {name}, which may change with any release",  # type: ignore[attr-defined]
                    "use plugin_sdk, or ask another plugin by its capability",
                )


def opens_sessions(package: Package, path: Path, tree: ast.Module) -> Findings:
    """A session of one's own knows no tenant."""
    for node in ast.walk(tree):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        reached = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if called.rpartition(".")[2] in BY_HAND or called in ("Session", "sa.orm.Session") or reached in ("db.session", "db.engine"):
            yield Finding(
                f"{package.shown(path)}:{node.lineno}", f"{called or reached} makes a session of its own, which sees every tenant",  # type: ignore[attr-defined]
                "use ctx.db",
            )


def texts(package: Package) -> Findings:
    """A plugin that ships English ships all of it, compiled."""
    for name in package.plugins:
        found = package.texts(name)
        where = package.shown(found.catalogue)
        if not found.catalogue.exists():
            continue
        for text in found.missing():
            yield Finding(where, f"“{text}” has no English", f"telerad plugin texts {package.folder}, then fill in its msgstr")
        compiled = found.catalogue.with_suffix(".mo")
        if not compiled.exists() or _compiled(compiled) != {m.id: m.string for m in found.known() if m.id and m.string}:
            yield Finding(where, "is not what was compiled", f"telerad plugin texts {package.folder}")


def _compiled(path: Path) -> dict[object, object]:
    with path.open("rb") as file:
        return {m.id: m.string for m in read_mo(file) if m.id}


def types(package: Package) -> Findings:
    """mypy, as strict as the package's own configuration or stricter; left out where mypy is not installed."""
    if find_spec("mypy") is None:
        return
    own = package.folder / "pyproject.toml"
    configured = own.exists() and "mypy" in tomllib.loads(own.read_text(encoding="utf-8")).get("tool", {})
    modules = sorted({point.module.partition(".")[0] for point in package.points.values()})
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--disable-error-code", "type-abstract",
         *(["--config-file", str(own)] if configured else []), *(f"-p{module}" for module in modules)],
        cwd=package.folder, capture_output=True, text=True, timeout=SECONDS,
    )
    for line in done.stdout.splitlines():
        where, _, what = line.partition(": error: ")
        if what:
            yield Finding(where, f"type error: {what}", "mend the types; mypy --strict must find nothing")
    if done.returncode > 1:
        yield Finding(str(package.folder), f"mypy did not run: {(done.stderr or done.stdout).strip()[:300]}", "see that mypy works here")


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        yield node.module or ""
    elif isinstance(node, ast.ImportFrom):
        yield "." * node.level + (node.module or "")
