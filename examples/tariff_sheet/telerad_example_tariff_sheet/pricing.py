"""What a request costs by a sheet. Pure, whole fen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plugin_sdk.consultation import Charge, PartCount, Urgency
from plugin_sdk.money import yuan


@dataclass(frozen=True, kw_only=True)
class Price:
    """A row of a sheet, fen per part. Empty ``modality`` or ``part``: any."""

    modality: str
    part: str
    normal: int
    urgent: int
    review_percent: int


def price_of(prices: Sequence[Price], modality: str, part: str) -> Price | None:
    """The row that says most: of part and modality, of the part, of the modality, of everything.

    :param modality: as a request carries it, ``CT/SR``; of several the dearest row counts
    """
    words = {"", *modality.upper().split("/")}
    fitting = [p for p in prices if p.modality in words and p.part in ("", part)]
    return max(fitting, key=lambda p: (p.part != "", p.modality != "", p.normal), default=None)


def charges(
    prices: Sequence[Price], version: int, parts: Sequence[PartCount], *, urgency: Urgency | object, modality: str
) -> Iterator[Charge]:
    """Two lines per part, diagnosis and review, which add up to the price; a part never goes without a line."""
    counts: dict[str, int] = {}
    for part in parts:
        counts[part.name] = counts.get(part.name, 0) + part.count
    for name, count in counts.items():
        if (found := price_of(prices, modality, name)) is None:
            continue
        fee = found.urgent if urgency is Urgency.URGENT else found.normal
        review = fee * count * found.review_percent // 100
        rule = f"{yuan(fee)} × {count}"
        yield Charge(code=name, fen=fee * count - review, share="diagnosis", rule=rule, tariff_version=version)
        if review:
            yield Charge(code=name, fen=review, share="review", rule=f"{rule} × {found.review_percent}%", tariff_version=version)
