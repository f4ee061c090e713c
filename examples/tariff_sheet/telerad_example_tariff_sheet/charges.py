"""Price a request, charge it once, take a charge back. Runs inside the transaction of the move: own tables only."""

from __future__ import annotations

from collections.abc import Sequence

from plugin_sdk.consultation import Charge, Quote, RequestRef
from plugin_sdk.types import Ctx

from . import pricing, queries
from .models import ChargeRow


def price(ctx: Ctx, quote: Quote) -> list[Charge]:
    """What the hook answers. A connection without a sheet has no price, which is no price of zero."""
    if quote.stage == "reversal":
        return _reverse(ctx, quote.request.ref) if quote.request else []
    tariff = queries.in_force(ctx, quote.link_id, quote.tariff_version)
    if tariff is None or tariff.version is None:
        return []
    lines = list(
        pricing.charges(queries.prices(ctx, tariff), tariff.version, quote.parts, urgency=quote.urgency, modality=quote.modality)
    )
    return _keep(ctx, quote, lines) if quote.stage == "charge" else lines


def _keep(ctx: Ctx, quote: Quote, lines: Sequence[Charge]) -> list[Charge]:
    """Keep the lines of a confirmed report; what stands already is left alone. The table takes none twice."""
    assert quote.request is not None
    ref = quote.request.ref
    if standing := _standing(queries.charges(ctx, ref.id)):
        return [_charge(row) for row in standing]
    for line in lines:
        _add(ctx, ref, line, report=quote.report or 0, person=quote.reader if line.share == "diagnosis" else quote.reviewer)
    ctx.db.flush()
    ctx.audit(
        "example_tariff_sheet.charged", ref=f"consultation:request:{ref.public_id}", n=quote.report, fen=sum(line.fen for line in lines)
    )
    return list(lines)


def _reverse(ctx: Ctx, ref: RequestRef) -> list[Charge]:
    """Answer each standing line by one that takes it back; nothing where nothing stands."""
    standing = _standing(queries.charges(ctx, ref.id))
    taken = [
        _add(ctx, ref, Charge(code=row.code, fen=-row.fen, share=row.share, rule=row.rule, tariff_version=row.tariff_version),  # type: ignore[arg-type]
             report=row.report_n, person=row.person, reversal=True)
        for row in standing
    ]
    if taken:
        ctx.db.flush()
        ctx.audit(
            "example_tariff_sheet.reversed", ref=f"consultation:request:{ref.public_id}", n=standing[0].report_n,
            fen=sum(row.fen for row in taken),
        )
    return [_charge(row) for row in taken]


def _add(ctx: Ctx, ref: RequestRef, line: Charge, *, report: int, person: int | None, reversal: bool = False) -> ChargeRow:
    row = ChargeRow(
        hospital_id=ref.hospital_id, group_id=ref.group_id, link_id=ref.link_id, request_id=ref.id, report_n=report,
        code=line.code, share=line.share, reversal=reversal, fen=line.fen, rule=line.rule,
        tariff_version=line.tariff_version or 0, person=person, made_at=ctx.now(),
    )
    ctx.db.add(row)
    return row


def _standing(rows: Sequence[ChargeRow]) -> list[ChargeRow]:
    taken = {(row.report_n, row.code, row.share) for row in rows if row.reversal}
    return [row for row in rows if not row.reversal and (row.report_n, row.code, row.share) not in taken]


def _charge(row: ChargeRow) -> Charge:
    return Charge(code=row.code, fen=row.fen, share=row.share, rule=row.rule, tariff_version=row.tariff_version)  # type: ignore[arg-type]
