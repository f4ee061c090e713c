"""What plugins cost and how they fail: counted in memory, written to the database every few seconds.

Ten failures in five minutes make a plugin degraded, until half an hour has passed without one or an operator resets it.
The text of an error is its class and, for ours, its sentence: what foreign code says may hold a patient's name.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core import clock

log = logging.getLogger(__name__)
FAILURES, WITHIN, QUIET = 10, timedelta(minutes=5), timedelta(minutes=30)
EVERY = 3.0


@dataclass
class Tally:
    """Calls of one plugin at one place since the last write. ``ms`` are milliseconds in all, ``failed`` instants in UTC."""

    calls: int = 0
    ms: float = 0
    slowest_ms: float = 0
    failed: list[datetime] = field(default_factory=list)
    error: str = ""

    def plus(self, later: Tally) -> Tally:
        return Tally(
            calls=self.calls + later.calls, ms=self.ms + later.ms, slowest_ms=max(self.slowest_ms, later.slowest_ms),
            failed=[*self.failed, *later.failed], error=later.error or self.error,
        )


class Ledger:
    """Tallies of this process. ``bind`` says how they are written; without it they only gather."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._write: Callable[[dict[tuple[str, str], Tally]], None] | None = None
        self._pid = 0

    def bind(self, write: Callable[[dict[tuple[str, str], Tally]], None], *, background: bool) -> None:
        """Say how tallies are written; ``background`` starts a thread for it with the first call."""
        self._write = write
        self._pid = 0 if background else -1
        if background:
            atexit.register(self.flush)

    def note(self, plugin: str, place: str, seconds: float, error: Exception | None = None) -> None:
        with self._lock:
            tally = self._tallies.setdefault((plugin, place), Tally())
            tally.calls += 1
            tally.ms += seconds * 1000
            tally.slowest_ms = max(tally.slowest_ms, seconds * 1000)
            if error is not None:
                tally.failed.append(clock.now())
                tally.error = said(error)
        if self._write is not None and self._pid not in (-1, os.getpid()):
            self._pid = os.getpid()
            threading.Thread(target=self._keep, daemon=True, name="plugin-ledger").start()

    def flush(self) -> None:
        """Write what gathered. What cannot be written now stays for the next time."""
        if self._write is None:
            return
        with self._lock:
            tallies, self._tallies = self._tallies, {}
        if not tallies:
            return
        try:
            self._write(tallies)
        except Exception:  # the edge: counting must never stop what is counted
            log.exception("plugin tallies not written")
            with self._lock:
                for key, tally in tallies.items():
                    self._tallies[key] = tally.plus(self._tallies.get(key, Tally()))

    def _keep(self) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY):
            self.flush()


def said(error: Exception) -> str:
    """What may be stored of an error: its class, and the text only of ours, which holds no data."""
    text = f": {error}" if type(error).__module__.startswith("core.") else ""
    return f"{type(error).__name__}{text}"[:300]


def is_degraded(failures: Sequence[datetime], at: datetime) -> bool:
    """Whether ten failures fell into five minutes, the last of them less than half an hour ago (UTC)."""
    latest = sorted(failures)[-FAILURES:]
    return len(latest) == FAILURES and latest[-1] - latest[0] <= WITHIN and at - latest[-1] < QUIET
