"""Names and ages as a Chinese list shows them."""

from __future__ import annotations

from datetime import date

import pytest

from plugin_sdk.dicom.age import age_text
from plugin_sdk.dicom.charset import decode, display_name, same_name
from plugin_sdk.dicom.uids import new_uid, valid_uid
from plugin_sdk.dicom.values import parse_date, parse_time

MISLABELLED = [
    ("张测试".encode("gbk"), "ISO_IR 100", "张测试"),
    ("张测试".encode("gbk"), "", "张测试"),
    ("张测试".encode("gbk"), "ISO_IR 192", "张测试"),
    ("欧阳娜".encode(), "ISO_IR 100", "欧阳娜"),
    ("欧阳娜".encode(), "GB18030", "欧阳娜"),
    ("欧阳娜".encode(), "", "欧阳娜"),
    ("李璡".encode("gbk"), "ISO_IR 100", "李璡"),
    ("闫妍".encode("gbk"), "ISO_IR 100", "闫妍"),
    ("头颅MRI平扫".encode("gbk"), "ISO_IR 192", "头颅MRI平扫"),
    ("Zhang^San=张^三".encode("gbk"), "ISO_IR 100", "Zhang^San=张^三"),
    ("王𠮷".encode("gb18030"), "", "王𠮷"),
]
RIGHT = [
    (b"M\xfcller^J\xfcrgen", "ISO_IR 100", "Müller^Jürgen"),
    (b"Lef\xe8vre^Zo\xe9", "ISO_IR 100", "Lefèvre^Zoé"),
    (b"\xc4neas^R\xfcdiger", "ISO_IR 100", "Äneas^Rüdiger"),
    (b"Wei\xdf\xe4cker", "ISO_IR 100", "Weißäcker"),
    ("王^小東".encode(), "ISO_IR 192", "王^小東"),
    ("王^小东".encode("gb18030"), "GB18030", "王^小东"),
    ("Люкceмбypг".encode("iso8859-5"), "ISO_IR 144", "Люкceмбypг"),
    (b"SMITH^JOHN ", "", "SMITH^JOHN"),
]


@pytest.mark.parametrize(("raw", "label", "meant"), MISLABELLED)
def test_a_wrong_label_is_mended(raw: bytes, label: str, meant: str) -> None:
    found = decode(raw, [label])
    assert (found.text, found.repaired) == (meant, True)


@pytest.mark.parametrize(("raw", "label", "meant"), RIGHT)
def test_a_right_label_is_believed(raw: bytes, label: str, meant: str) -> None:
    found = decode(raw, [label])
    assert (found.text, found.repaired) == (meant, False)


def test_escape_sequences_are_read_and_never_shown() -> None:
    raw = b"Zhou^CeShi=\x1b$)A\xd6\xdc^\x1b$)A\xb2\xe2\xca\xd4="
    assert decode(raw, ["", "ISO 2022 IR 58"]).text == "Zhou^CeShi=周^测试="
    korean = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7"
    assert decode(korean, ["", "ISO 2022 IR 149"]).text == "Hong^Gildong=洪^吉洞"
    assert decode(b"Yamada=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", ["", "ISO 2022 IR 87"]).text == "Yamada=山田^太郎"
    assert "\x1b" not in decode(b"\x1b\x1b$)Z\xff\x00broken\x1b", ["ISO 2022 IR 58"]).text


SHOWN = [
    ("=王^小明", "王小明"),
    ("Wang^XiaoMing=王^小明=", "王小明"),
    ("^^^^", ""),
    ("WANG XIAO MING", "WANG XIAO MING"),
    ("王小明", "王小明"),
    ("Yamada^Tarou==やまだ^たろう", "Yamada Tarou"),
    ("==やまだ^たろう", "やまだ たろう"),
    ("", ""),
]


@pytest.mark.parametrize(("written", "shown"), SHOWN)
def test_a_list_shows_the_ideographic_group_first(written: str, shown: str) -> None:
    assert display_name(written) == shown


def test_names_are_compared_after_folding_width_and_case() -> None:
    assert same_name("ＷＡＮＧ　ＬＩ", "wang^li")
    assert same_name("Wang^XiaoMing=王^小明=", "王小明")
    assert not same_name("王小明", "王晓明")
    assert not same_name("", "")


AGES = [
    (date(2024, 2, 29), date(2024, 3, 5), "", "5天"),
    (date(2024, 2, 10), date(2024, 3, 5), "", "24天"),
    (date(2023, 4, 5), date(2024, 3, 5), "", "11月"),
    (date(2020, 2, 29), date(2024, 2, 28), "", "3岁"),
    (date(1980, 1, 1), date(2004, 3, 5), "", "24岁"),
    (date(1979, 1, 1), date(2024, 3, 5), "000Y", "45岁"),
    (date(2024, 3, 5), date(2024, 3, 5), "", "0天"),
    (date(1900, 1, 1), date(2024, 3, 5), "", "未知"),
    (date(2025, 1, 1), date(2024, 3, 5), "", "未知"),
    (date(2025, 1, 1), date(2024, 3, 5), "058Y", "58岁"),
    (None, date(2024, 3, 5), "045Y", "45岁"),
    (None, None, "003M", "3月"),
    (None, None, "018M", "1岁"),
    (None, None, "002W", "14天"),
    (None, None, "000Y", "未知"),
    (None, None, "45", "未知"),
    (None, None, None, "未知"),
]


@pytest.mark.parametrize(("birth", "at", "written", "shown"), AGES)
def test_the_age_is_that_at_the_study_and_never_0_years(
    birth: date | None, at: date | None, written: str | None, shown: str
) -> None:
    assert age_text(birth, at, written) == shown


def test_a_uid_is_digits_and_dots_and_most_64_characters() -> None:
    assert all(map(valid_uid, ["1.2.840.10008", "1.2.840.00123.045", "9" * 64]))
    assert not any(map(valid_uid, ["", ".", "1..2", "1.2.", "1.2.ABC", " 1.2", "../../etc", "1" * 65, "１.２", "1.2\n"]))
    assert valid_uid(new_uid()) and new_uid().startswith("2.25.") and new_uid() != new_uid()


def test_old_ways_to_write_a_date_are_read_and_nonsense_is_no_date() -> None:
    assert {parse_date(v) for v in ("20200101", "2020.01.01", "2020-01-01", "20200101 ")} == {date(2020, 1, 1)}
    for nonsense in ("", "00000000", "20190229", "20191301", "2019", "20200101-20200131", "２０２００１０１", "99991231"):
        assert parse_date(nonsense) is None
    assert str(parse_time("10:15:30")) == "10:15:30" and str(parse_time("1015")) == "10:15:00"
    assert parse_time("25:61") is None and parse_time("240000") is None and parse_time("9") is None
