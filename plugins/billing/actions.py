"""What billing does: save a tariff, price a request, charge it once, take a charge back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from plugin_sdk.consultation import Charge, Quote, RequestView
from plugin_sdk.errors import Conflict
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Ctx, LinkView
from plugins.billing import pricing, queries
from plugins.billing.models import ChargeRow, Tariff, TariffLine


class TariffChanged(Conflict):
    code, sentence = "stale-version", _l("收费标准已被他人修改")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A fee as it was read from the form; ``reader_name`` is kept for when the reader has left."""

    reader: int
    reader_name: str
    modality: str
    fen: int


def save(
    ctx: Ctx, link: LinkView, lines: Sequence[Line], *, urgent_percent: int, diagnosis_percent: int, base: int
) -> Tariff:
    """Put a new version in force. Those before it stay as they are.

    :param base: the version that was changed, 0 for none. :raise TariffChanged: another one is in force by now
    """
    current = queries.in_force(ctx, link.id)
    if (current.version if current else 0) != base:
        raise TariffChanged
    party = {"hospital_id": link.hospital.id, "group_id": link.group.id, "link_id": link.id}
    tariff = Tariff(
        **party, version=base + 1, urgent_percent=urgent_percent, diagnosis_percent=diagnosis_percent,
        made_by=ctx.user.id if ctx.user else 0, made_name=ctx.user.name if ctx.user else "", made_at=ctx.now(),
    )
    ctx.db.add(tariff)
    try:
        ctx.db.flush()
    except IntegrityError as error:
        raise TariffChanged from error
    for line in lines:
        ctx.db.add(
            TariffLine(
                **party, tariff_id=tariff.id, reader=line.reader, reader_name=line.reader_name, modality=line.modality,
                fen=line.fen,
            )
        )
    ctx.db.flush()
    ctx.audit(
        "tariff.changed", ref=f"billing:tariff:{tariff.public_id}", to=link.hospital.code, n=tariff.version,
        count=len(lines), urgent_percent=urgent_percent, diagnosis_percent=diagnosis_percent,
    )
    return tariff


def price(ctx: Ctx, quote: Quote) -> list[Charge]:
    """The lines of a quote. With the stage ``charge`` they are kept, with ``reversal`` taken back, in this transaction."""
    if quote.stage == "reversal":
        return reverse(ctx, quote.request) if quote.request else []
    found = queries.prices(ctx, quote.link_id, quote.tariff_version)
    if found is None:
        return []
    lines = list(
        pricing.charges(found, quote.parts, urgency=quote.urgency, modality=quote.modality, reader=quote.reader)
    )
    return charge(ctx, quote, lines) if quote.stage == "charge" else lines


def charge(ctx: Ctx, quote: Quote, lines: Sequence[Charge]) -> list[Charge]:
    """Keep the lines of a confirmed request, once. What stands for this report and these people is left alone; what stands
    for another report or for somebody else is taken back first."""
    assert quote.request is not None
    ref, report = quote.request.ref, quote.report or 0
    if standing := queries.standing(ctx, ref.id):
        if all(row.report_n == report and row.person == whose(quote, row.share) for row in standing):
            return [as_charge(row) for row in standing]
        reverse(ctx, quote.request)
    for line in lines:
        ctx.db.add(
            ChargeRow(
                hospital_id=ref.hospital_id, group_id=ref.group_id, link_id=ref.link_id, request_id=ref.id,
                request_public_id=ref.public_id, report_n=report, code=line.code, share=line.share,
                fen=line.fen, rule=line.rule, tariff_version=line.tariff_version or 0,
                person=whose(quote, line.share), made_at=ctx.now(),
            )
        )
    ctx.db.flush()
    ctx.audit(
        "charge.made", ref=f"consultation:request:{ref.public_id}", n=quote.report, fen=sum(line.fen for line in lines),
        tariff=lines[0].tariff_version if lines else None,
    )
    return list(lines)


def whose(quote: Quote, share: str) -> int | None:
    """Account id of whose work a share pays."""
    return quote.reader if share == "diagnosis" else quote.reviewer


def reverse(ctx: Ctx, request: RequestView) -> list[Charge]:
    """Take back what stands, each line by one of its own; nothing where nothing stands."""
    standing, at = queries.standing(ctx, request.ref.id), ctx.now()
    if not standing:
        return []
    taken = []
    for row in standing:
        row.reversed_at = at
        taken.append(
            ChargeRow(
                hospital_id=row.hospital_id, group_id=row.group_id, link_id=row.link_id, request_id=row.request_id,
                request_public_id=row.request_public_id, report_n=row.report_n, code=row.code, share=row.share,
                fen=-row.fen, rule=row.rule, tariff_version=row.tariff_version, person=row.person, made_at=at,
                reverses=row.id,
            )
        )
    ctx.db.add_all(taken)
    ctx.db.flush()
    ctx.audit(
        "charge.reversed", ref=f"consultation:request:{request.ref.public_id}", n=standing[0].report_n,
        fen=sum(row.fen for row in taken),
    )
    return [as_charge(row) for row in taken]


def as_charge(row: ChargeRow) -> Charge:
    return Charge(code=row.code, fen=row.fen, share=row.share, rule=row.rule, tariff_version=row.tariff_version)  # type: ignore[arg-type]
