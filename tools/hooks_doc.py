"""Write plugin_sdk/HOOKS.md from the SDK itself; ``--check`` fails when it is stale."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from plugin_sdk.api import HOOKS, Plugin, Registry
from plugin_sdk.capabilities import CAPABILITIES

TARGET = Path(__file__).resolve().parent.parent / "plugin_sdk" / "HOOKS.md"


def text() -> str:
    """The whole page."""
    lines = [
        "# Hooks, declarations, capabilities", "", "Generated from `plugin_sdk` by `make docs`.", "",
        "## Hooks", "", "Methods of a `Plugin`, marked `@hookimpl`. Called for the tenant's enabled plugins in start order.", "",
    ]
    for name in HOOKS:
        method = getattr(Plugin, name)
        lines += [
            f"### `{name}{_signature(method)}`", "", f"On error: **{method.on_error}**.", "", inspect.getdoc(method) or "", "",
        ]
    lines += ["## Declarations", "", "Calls on the `reg` given to `register()`.", ""]
    for name, method in vars(Registry).items():
        if not name.startswith("_") and inspect.isfunction(method):
            lines.append(f"- `{name}{_signature(method)}`")
    lines += ["", "## Capabilities", "", "`ctx.get(Protocol)`; at most one enabled provider per tenant.", ""]
    for name, protocol in CAPABILITIES.items():
        methods = [m for m in vars(protocol) if not m.startswith("_") and inspect.isfunction(vars(protocol)[m])]
        lines.append(f"- `{name}`: `{protocol.__name__}` ({', '.join(methods)})")
    return "\n".join(lines) + "\n"


def _signature(method: object) -> str:
    return str(inspect.signature(method)).replace("'", "")  # type: ignore[arg-type]


def main() -> int:
    if "--check" in sys.argv:
        stale = not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text()
        print("plugin_sdk/HOOKS.md is stale: make docs" if stale else "ok")
        return int(stale)
    TARGET.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
