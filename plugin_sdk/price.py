"""What a request costs: what is asked of a provider of ``billing``, and what it answers. Money is an integer of fen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .consultation import PartCount, RequestView, Urgency

PriceStage = Literal["quote", "charge", "reversal"]


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A part of a price.

    :param code: what is priced, as people read it: a body part's name, 影像胶片
    :param fen: integer fen, may be negative for a reversal
    :param rule: how it was worked out, in figures: ``120.00 × 2 × 150%``
    :param tariff_version: the version of the tariff it was worked out by, ``None`` where a provider has none
    """

    code: str
    fen: int
    share: Literal["diagnosis", "review", "film"]
    rule: str = ""
    tariff_version: int | None = None


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """The price a request was submitted at, frozen with it.

    :param provider: the plugin that named it, and that charges it
    """

    provider: str
    tariff_version: int | None
    lines: Sequence[Charge]

    @property
    def fen(self) -> int:
        return sum(line.fen for line in self.lines)


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What is to be priced.

    :param request: ``None`` while the hospital is still choosing
    :param link_id: the connection whose tariff applies
    :param tariff_version: the frozen version; ``None`` for the one in force now
    :param reader: whose fee applies, an account's id: the one named, at confirmation the one who wrote; ``None``: open
    :param stage: ``quote`` only asks; ``charge`` (T-16) and ``reversal`` (T-18) want the lines kept, once, in this
        transaction
    :param report: number of the version that is confirmed or whose report is deleted
    """

    request: RequestView | None
    tariff_version: int | None
    parts: Sequence[PartCount]
    urgency: Urgency
    modality: str
    reader: int | None
    reviewer: int | None
    link_id: int = 0
    stage: PriceStage = "quote"
    report: int | None = None
