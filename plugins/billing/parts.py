"""What billing adds to requests: 费用 on their page and in their lists, for both sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plugin_sdk.consultation import Charge, RequestView
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.lists import Column
from plugin_sdk.money import yuan
from plugin_sdk.types import Ctx, RowKey
from plugins.billing import queries
from plugins.billing.models import ChargeRow
from plugins.billing.plugin import SEE

Priced = Charge | ChargeRow


def of_request(ctx: Ctx, *, request: RequestView, side: str) -> dict[str, Any]:
    """What was quoted and what is owed, part by part, with the split for the group."""
    rows = queries.charges_of(ctx, request.ref.id)
    owed = [row for row in rows if row.reverses is None and row.reversed_at is None]
    quoted = request.agreed.lines if request.agreed else ()
    return {
        "owed": by_part(owed), "quoted": by_part(quoted), "taken_back": any(row.reverses is not None for row in rows),
        "total": yuan(sum(row.fen for row in owed)), "quoted_total": yuan(sum(line.fen for line in quoted)),
        "charged": bool(owed), "agreed": request.agreed,
        "shares": shares(owed or quoted) if side == "group" else [],
        "fee_tariff": owed[0].tariff_version if owed else request.agreed.tariff_version if request.agreed else None,
    }


def by_part(lines: Iterable[Priced]) -> list[tuple[str, str, str]]:
    """Part, how it was worked out, yuan."""
    found: dict[tuple[str, str], int] = {}
    for line in lines:
        found[line.code, line.rule] = found.get((line.code, line.rule), 0) + line.fen
    return [(code, rule, yuan(fen)) for (code, rule), fen in found.items()]


def shares(lines: Iterable[Priced]) -> list[tuple[object, str]]:
    words = {"diagnosis": _l("诊断费"), "review": _l("审核费"), "film": _l("胶片费")}
    found: dict[str, int] = {}
    for line in lines:
        found[line.share] = found.get(line.share, 0) + line.fen
    return [(words.get(share, share), yuan(fen)) for share, fen in found.items()]


def fee_column() -> Column:
    return Column(key="fee", label=_l("费用（元）"), load=fees, align="right", code=SEE)


def fees(ctx: Ctx, keys: Sequence[RowKey]) -> Mapping[int, object]:
    """Yuan owed by row; a request that is not confirmed owes nothing yet."""
    return {request_id: yuan(fen) for request_id, fen in queries.owed(ctx, [key.id for key in keys]).items()}
