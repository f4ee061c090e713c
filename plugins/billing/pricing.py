"""The price of a request: fee per part × count × urgent factor, split between diagnosis and review (A-36). Pure, whole fen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from plugin_sdk.consultation import Charge, PartCount, Urgency
from plugin_sdk.money import yuan
from plugins.billing.models import ANY_MODALITY, ANY_READER

PER_CENT = 100
AS_DR = frozenset({"CR", "DX", "RF"})
"""Plain radiographs, however the device calls them (A-15)."""


@dataclass(frozen=True, kw_only=True)
class Fee:
    """A line of a tariff. :param reader: account id, 0 for any; :param modality: empty for any"""

    reader: int
    modality: str
    fen: int


@dataclass(frozen=True, kw_only=True)
class Prices:
    """One version of a tariff, as figures."""

    version: int
    urgent_percent: int
    diagnosis_percent: int
    fees: Sequence[Fee]

    @classmethod
    def of(cls, tariff: Any, lines: Sequence[Any]) -> Prices:
        return cls(
            version=tariff.version, urgent_percent=tariff.urgent_percent, diagnosis_percent=tariff.diagnosis_percent,
            fees=[Fee(reader=line.reader, modality=line.modality, fen=line.fen) for line in lines],
        )


def modalities(text: str) -> frozenset[str]:
    """``CT/SR`` as the words a tariff knows."""
    return frozenset("DR" if word in AS_DR else word for word in text.upper().split("/") if word)


def fee_of(prices: Prices, reader: int | None, modality: str) -> int | None:
    """Fen per part: the line that says most about reader, then about modality; of several modalities the dearest.

    ``None`` only for a tariff without the line for any reader and any modality, which none is saved without.
    """
    known = {ANY_MODALITY, *modalities(modality)}
    fitting = [f for f in prices.fees if f.reader in (ANY_READER, reader or ANY_READER) and f.modality in known]
    best = max(fitting, key=lambda f: (f.reader != ANY_READER, f.modality != ANY_MODALITY, f.fen), default=None)
    return best.fen if best else None


def split(fen: int, percent: int) -> tuple[int, int]:
    """The two shares; the first is rounded half up, the second is the rest, so that no fen is lost."""
    first = (fen * percent + PER_CENT // 2) // PER_CENT
    return first, fen - first


def charges(
    prices: Prices, parts: Sequence[PartCount], *, urgency: Urgency | object, modality: str, reader: int | None
) -> Iterator[Charge]:
    """Two lines per part, diagnosis and review; a share of nothing has none, but a part never goes without a line."""
    fee = fee_of(prices, reader, modality)
    if fee is None:
        return
    percent = prices.urgent_percent if urgency is Urgency.URGENT else PER_CENT
    for part in parts:
        whole = (fee * part.count * percent + PER_CENT // 2) // PER_CENT
        rule = f"{yuan(fee)} × {part.count}" + (f" × {percent}%" if percent != PER_CENT else "")
        diagnosis, review = split(whole, prices.diagnosis_percent)
        if diagnosis or not review:
            yield Charge(code=part.name, fen=diagnosis, share="diagnosis", rule=rule, tariff_version=prices.version)
        if review:
            yield Charge(code=part.name, fen=review, share="review", rule=rule, tariff_version=prices.version)
