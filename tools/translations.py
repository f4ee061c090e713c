"""Catalogues: extract the zh-CN source texts, check that English is complete, compile.

Each owner has one gettext domain: ``core`` (with plugin_sdk's texts) and one per plugin, bundled or example.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core.trial.texts import Texts  # noqa: E402  this tree's, also where another one is installed


def owners() -> Iterator[Texts]:
    yield Texts("core", (ROOT / "core", ROOT / "plugin_sdk"), ROOT / "core/translations/en/LC_MESSAGES/core.po", ROOT)
    for folder in sorted((ROOT / "plugins").iterdir()):
        if (folder / "plugin.py").exists():
            yield Texts(folder.name, (folder,), folder / f"translations/en/LC_MESSAGES/{folder.name}.po", ROOT)
    for folder in sorted((ROOT / "examples").glob("*/telerad_*")):
        name = folder.name.removeprefix("telerad_")
        yield Texts(name, (folder,), folder / f"translations/en/LC_MESSAGES/{name}.po", ROOT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when English is incomplete")
    parser.add_argument("--compile", action="store_true", help="write .mo files only")
    given = parser.parse_args()
    if given.check:
        lacking = [f"{texts.domain}: {text}" for texts in owners() for text in texts.missing()]
        print("\n".join(lacking), end="\n" if lacking else "")
        return 1 if lacking else 0
    if not given.compile:
        print(f"{sum(texts.update() for texts in owners())} texts lack a translation")
    for texts in owners():
        texts.compile()
    return 0


if __name__ == "__main__":
    sys.exit(main())
