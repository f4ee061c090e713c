"""Let objects in: guard and digest, bytes durable, rows in one short transaction, then the answer. No other order.

A power loss at any point leaves bytes without rows at worst, which sending again or `telerad reconcile` adopts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from core import faults
from core.intake.child import Parser
from core.intake.outcomes import Outcome
from core.intake.prepare import Ready, prepare
from core.intake.store import Changed, Transaction

if TYPE_CHECKING:
    from core.host.context import TenantCtx

BUDGET = 0.08
"""Seconds after which a transaction takes no further object; it is the house's only write lock on SQLite."""
TRIES = 5
Note = Callable[["TenantCtx", Ready, Outcome], None]
"""Called in the transaction that writes an object's rows: what it writes is there exactly when they are."""


def ingest_file(ctx: TenantCtx, path: Path, *, name: str, source_id: int | None, parser: Parser) -> Outcome:
    """Let one object in. When this returns ``stored`` or ``held``, bytes and rows survive a power loss.

    `ctx` says whose and for whom; its own session is not used and must not be writing.

    :param name: what the sender calls the file, for the held list
    :raise OSError: the disk failed; the sender keeps the object and tries again
    """
    ready = prepare(ctx, path, name=name, source_id=source_id, parser=parser)
    if isinstance(ready, Outcome):
        return ready
    return store_ready(ctx, [ready], parser)[0]


def ingest_files(
    ctx: TenantCtx, paths: Sequence[Path], *, names: Sequence[str], source_id: int | None, parser: Parser,
    note: Note | None = None,
) -> list[Outcome]:
    """Let several objects in; those of one study share transactions. Outcomes in the order of `paths`.

    :param note: for outcomes that have rows; a refused file has none
    """
    made = [
        prepare(ctx, path, name=name, source_id=source_id, parser=parser)
        for path, name in zip(paths, names, strict=True)
    ]
    ready = [item for item in made if isinstance(item, Ready)]
    stored = iter(store_ready(ctx, ready, parser, note))
    return [item if isinstance(item, Outcome) else next(stored) for item in made]


def store_ready(
    ctx: TenantCtx, items: Sequence[Ready], parser: Parser, note: Note | None = None
) -> list[Outcome]:
    """Write the rows of prepared objects, in short transactions of one study each. Outcomes in the order of `items`."""
    found: dict[int, Outcome] = {}
    for group in by_study(items):
        while group:
            done = _write(ctx, [item for _, item in group], note)
            if done:
                found.update((index, outcome) for (index, _), outcome in zip(group, done, strict=False))
                group = group[len(done):]
                continue
            index, item = group[0]
            again = prepare(
                ctx, item.path, name=item.name, source_id=item.source_id, parser=parser, keep=not item.kept
            )
            if isinstance(again, Outcome):
                found[index] = again
                group = group[1:]
            else:
                group = [(index, again), *group[1:]]
    return [found[index] for index in range(len(items))]


def by_study(items: Sequence[Ready]) -> list[list[tuple[int, Ready]]]:
    """Sort a batch by UIDs, the same way in every process, and part it by study."""
    ordered = sorted(enumerate(items), key=lambda pair: pair[1].key)
    return [list(group) for _, group in groupby(ordered, key=lambda pair: pair[1].key[0])]


def _write(ctx: TenantCtx, items: Sequence[Ready], note: Note | None) -> list[Outcome]:
    """Write as many of one study's objects as the time budget allows, in one transaction.

    A database that chose this transaction as a deadlock's victim is asked again.

    :return: outcomes of the first items; empty when the first must be looked at again
    """
    for attempt in range(TRIES):
        try:
            with ctx.app.system_ctx(ctx.tenant.id, account_id=ctx.user.id if ctx.user else 0) as writing:
                done = _within_budget(writing, items, note)
                faults.point("ingest.rows")
            faults.point("ingest.committed")
            return done
        except OperationalError:
            if attempt + 1 == TRIES:
                raise
            time.sleep(0.05 * 2**attempt)
    raise AssertionError("unreachable")


def _within_budget(writing: TenantCtx, items: Sequence[Ready], note: Note | None) -> list[Outcome]:
    started, done, into = time.monotonic(), [], Transaction(writing)
    for item in items:
        savepoint = writing.db.begin_nested()
        try:
            outcome = into.add(item)
            if note is not None:
                note(writing, item, outcome)
        except Changed:
            savepoint.rollback()
            break
        savepoint.commit()
        done.append(outcome)
        if time.monotonic() - started > BUDGET:
            break
    into.finish()
    return done
