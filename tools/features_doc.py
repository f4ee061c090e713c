"""Write docs/features.md from the tests' ``feature`` marks; ``--check`` fails when it is stale."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from features_rows import ROWS

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "features.md"


def marks() -> dict[str, list[str]]:
    """Row to the tests that prove it, read from the source without running it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for row in _rows(node):
                    found[row].append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


def _rows(function: ast.FunctionDef) -> list[str]:
    return [
        str(d.args[0].value)
        for d in function.decorator_list
        if isinstance(d, ast.Call) and ast.unparse(d.func) == "pytest.mark.feature" and isinstance(d.args[0], ast.Constant)
    ]


def text() -> str:
    found = marks()
    if unknown := set(found) - set(ROWS):
        raise SystemExit(f"describe these rows in tools/features_rows.py: {sorted(unknown)}")
    lines = ["# What is done", "", "Generated from the tests by `make docs`: row of the manual, what it does, what proves it.", ""]
    for row in sorted(found):
        lines.append(f"- **{row}** {ROWS[row]}")
        lines += [f"  - `{test}`" for test in found[row]]
    return "\n".join(lines) + "\n"


def main() -> int:
    if "--check" in sys.argv:
        stale = not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text()
        print("docs/features.md is stale: make docs" if stale else "ok")
        return int(stale)
    TARGET.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
