"""The arithmetic of a price, and reading amounts: whole fen in, whole fen out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_sdk.consultation import PartCount, Urgency
from plugin_sdk.money import read_hundredths, yuan
from plugins.billing.pricing import Fee, Prices, charges, fee_of, split

FEES = [
    Fee(reader=0, modality="", fen=100), Fee(reader=0, modality="CT", fen=200), Fee(reader=0, modality="DR", fen=50),
    Fee(reader=7, modality="", fen=300), Fee(reader=7, modality="MR", fen=400), Fee(reader=8, modality="CT", fen=250),
]


def prices(*, urgent: int = 150, diagnosis: int = 70, fees: list[Fee] = FEES) -> Prices:
    return Prices(version=3, urgent_percent=urgent, diagnosis_percent=diagnosis, fees=fees)


@given(fen=st.integers(0, 10**12), percent=st.integers(0, 100))
def test_a_split_loses_no_fen_and_gives_nobody_less_than_nothing(fen: int, percent: int) -> None:
    first, second = split(fen, percent)
    assert first + second == fen and first >= 0 and second >= 0
    assert abs(first * 100 - fen * percent) <= 50


@given(
    fee=st.integers(0, 99_999_999), counts=st.lists(st.integers(1, 99), min_size=1, max_size=9),
    urgent=st.integers(100, 1000), diagnosis=st.integers(0, 100),
)
def test_the_shares_of_every_part_are_its_price_to_the_fen(fee: int, counts: list[int], urgent: int, diagnosis: int) -> None:
    parts = [PartCount(name=f"部位{n}", count=count) for n, count in enumerate(counts)]
    found = prices(urgent=urgent, diagnosis=diagnosis, fees=[Fee(reader=0, modality="", fen=fee)])
    lines = list(charges(found, parts, urgency=Urgency.URGENT, modality="CT", reader=None))
    for part in parts:
        whole = sum(line.fen for line in lines if line.code == part.name)
        assert abs(whole * 100 - fee * part.count * urgent) <= 50
        assert [line for line in lines if line.code == part.name], "a part without a line would be a part for nothing"
    assert len({(line.code, line.share) for line in lines}) == len(lines)


@pytest.mark.parametrize(
    ("reader", "modality", "fen"),
    [
        (None, "", 100), (None, "US", 100), (None, "CT", 200), (None, "CT/SR", 200), (None, "CR", 50), (None, "DX/PR", 50),
        (None, "CT/DX", 200), (7, "CT", 300), (7, "MR", 400), (7, "CT/MR", 400), (8, "CT", 250), (8, "MR", 100), (9, "CT", 200),
    ],
)
def test_the_line_that_says_most_applies_reader_before_modality(reader: int | None, modality: str, fen: int) -> None:
    assert fee_of(prices(), reader, modality) == fen


def test_an_urgent_request_costs_the_factor_and_says_so_in_figures() -> None:
    parts = [PartCount(name="胸部", count=2)]
    normal, urgent = (
        list(charges(prices(diagnosis=100), parts, urgency=u, modality="CT", reader=8)) for u in (Urgency.NORMAL, Urgency.URGENT)
    )
    assert [(c.fen, c.rule, c.tariff_version) for c in normal] == [(500, "2.50 × 2", 3)]
    assert [(c.fen, c.rule, c.tariff_version) for c in urgent] == [(750, "2.50 × 2 × 150%", 3)]


@pytest.mark.parametrize(
    ("text", "fen"),
    [("0", 0), ("1", 100), ("0.1", 10), ("0.29", 29), ("1.10", 110), ("1,234.5", 123450), (" 80.00 ", 8000), ("999999.99", 99999999)],
)
def test_an_amount_is_read_exactly(text: str, fen: int) -> None:
    assert read_hundredths(text) == fen


@pytest.mark.parametrize("text", ["", "-1", "1.005", "1e3", "１２", "0x10", "1.", ".5", "1000000", "NaN", "1 0", "12元"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        read_hundredths(text)


@given(st.integers(0, 99_999_999))
def test_what_is_shown_reads_back_as_the_same_fen(fen: int) -> None:
    assert read_hundredths(yuan(fen)) == fen
