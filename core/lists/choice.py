"""Which columns a person chose, per list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.lists.models import ListColumns

MOST = 60


def of(ctx: Any, list_name: str) -> Sequence[str]:
    if ctx.user is None:
        return ()
    row = ctx.db.get(ListColumns, (ctx.user.id, list_name))
    return row.columns if row else ()


def keep(ctx: Any, list_name: str, columns: Sequence[str]) -> None:
    """Store the choice in its order; an empty one goes back to the default."""
    row = ctx.db.get(ListColumns, (ctx.user.id, list_name))
    columns = [key[:60] for key in dict.fromkeys(columns)][:MOST]
    if not columns:
        if row is not None:
            ctx.db.delete(row)
        return
    if row is None:
        ctx.db.add(ListColumns(account_id=ctx.user.id, list_name=list_name, columns=columns))
    else:
        row.columns = columns
