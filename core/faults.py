"""Named places where a test may let things go wrong: ``TELERAD_FAULT=ingest.renamed:kill:3`` kills at the third pass.

Several are parted by commas; ``hang`` takes its seconds as a fourth word. Without the variable a point costs one look at a name. Refused with production settings.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping

KINDS = ("kill", "raise", "EIO", "ENOSPC", "hang", "twice")
HANG = 600.0
Armed = dict[str, tuple[str, int, float]]
passed: Counter[str] = Counter()
"""How often each point was passed, counted while a test watches."""
_armed: Armed = {}
_watching = False


class Injected(RuntimeError):
    """What ``raise`` raises."""


def read(text: str) -> Armed:
    """``name:kind[:n[:seconds]]`` by name, parted by commas; the n-th pass counts, 1 when not said.

    :raise ValueError: no such kind, or n is no number
    """
    found: Armed = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, kind, *more = part.split(":")
        if kind not in KINDS:
            raise ValueError(f"fault {part!r}: expected one of {', '.join(KINDS)}")
        found[name] = (kind, int(more[0]) if more else 1, float(more[1]) if len(more) > 1 else HANG)
    return found


def arm(faults: Mapping[str, tuple[str, int, float]], *, watch: bool = False) -> None:
    """Let faults happen from now on in this process. ``watch`` counts every point that is passed."""
    global _armed, _watching
    _armed, _watching = dict(faults), watch
    passed.clear()


def point(name: str) -> bool:
    """Pass a place of this name. :return: True when the caller is to do what it just did a second time"""
    if not _armed and not _watching:
        return False
    passed[name] += 1
    kind, nth, seconds = _armed.get(name, ("", 0, 0.0))
    if passed[name] != nth:
        return False
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "raise":
        raise Injected(name)
    if kind in ("EIO", "ENOSPC"):
        raise OSError(getattr(errno, kind), f"injected at {name}")
    if kind == "hang":
        time.sleep(seconds)
    return kind == "twice"
