"""Where lines of a report may end. Every character is one wide here, so that lines can be counted by hand."""

from __future__ import annotations

import pytest

from plugin_sdk.paper.line_breaks import break_lines


def lines(text: str, limit: int) -> list[str]:
    return break_lines(text, lambda char: 1.0, limit)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("左肺上叶结节大小约8.2 mm", 13, ["左肺上叶结节大小", "约8.2 mm"]),
        ("结节大小17mm×15mm边缘毛糙", 10, ["结节大小", "17mm×15mm边", "缘毛糙"]),
        ("病灶 17 mm × 15 mm 大小", 14, ["病灶", "17 mm × 15 mm", "大小"]),
        ("平扫CT值约-74 HU左右", 10, ["平扫CT值约", "-74 HU左右"]),
        ("直径约3～5 mm结节", 8, ["直径", "约3～5 mm结", "节"]),
        ("最大径约12厘米占位", 6, ["最大径", "约12厘米占", "位"]),
        ("与2026-05-18前片比较", 11, ["与2026-05-18", "前片比较"]),
        ("体温38.5℃升高", 6, ["体温", "38.5℃升", "高"]),
    ],
)
def test_a_number_stays_with_its_unit(text, limit, expected):
    assert lines(text, limit) == expected


def test_no_line_starts_with_a_closing_mark_or_ends_with_an_opening_one():
    assert lines("胸廓对称。双肺纹理", 4) == ["胸廓对", "称。双肺", "纹理"]
    assert lines("见（序列3）结节", 2) == ["见", "（序", "列", "3）", "结节"]


def test_latin_words_stay_whole_and_the_space_at_the_end_is_dropped():
    assert lines("chest CT without contrast", 10) == ["chest CT", "without", "contrast"]


def test_line_feeds_and_empty_lines_are_kept():
    assert lines("一\n\n二", 9) == ["一", "", "二"]


@pytest.mark.parametrize("text", ["肺" * 2000, "A" * 500, "1" * 500, "。" * 300, "1.2、" * 200, "（" * 90])
def test_nothing_is_wider_than_the_line_and_nothing_is_lost(text):
    cut = lines(text, 37)
    assert "".join(cut) == text
    assert max(map(len, cut)) <= 37
