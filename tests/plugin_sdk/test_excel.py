"""What somebody sends as a sheet is read as they see it; what is no sheet is refused in words."""

from __future__ import annotations

import io
import zipfile
from decimal import Decimal

import openpyxl
import pytest

from plugin_sdk.excel import NoSheet, Sheet, TooManyRows, read


def book(*rows: list[object], formats: dict[str, str] | None = None) -> bytes:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    for place, wanted in (formats or {}).items():
        made.active[place].number_format = wanted
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def texts(data: bytes) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in read(data)]


def test_cells_are_read_as_a_person_sees_them() -> None:
    data = book(["检查类型", " CT ", 12, 12.5, 0.3, 0.1 + 0.2, None, True], formats={"E1": "0%"})
    assert texts(data) == [["检查类型", "CT", "12", "12.5", "30%", "0.3", "", "True"]]


def test_empty_rows_are_left_out_and_the_others_keep_their_numbers() -> None:
    assert [row.number for row in read(book(["甲"], [None, " "], [], ["乙"]))] == [1, 4]


def test_a_formula_is_marked_and_not_worked_out() -> None:
    (row,) = read(book(["=1+1", "'=1+1", 2]))
    assert [(cell.text, cell.formula) for cell in row.cells][::2] == [("=1+1", True), ("2", False)]


def test_a_cell_beyond_the_end_is_empty() -> None:
    (row,) = read(book(["甲"]))
    assert row[5].text == ""


def test_what_was_written_as_text_or_amount_comes_back_as_it_was() -> None:
    with Sheet("价目", ["部位", "价"]) as sheet:
        sheet.add(["=胸部", Decimal("12.50")])
        data = sheet.data()
    assert texts(data)[1] == ["=胸部", "12.5"]
    assert not read(data)[1][0].formula


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0 old xls", "检查,价\nCT,1\n".encode()])
def test_what_is_no_sheet_is_refused(data: bytes) -> None:
    with pytest.raises(NoSheet):
        read(data)


def test_a_zip_that_is_no_workbook_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("a.txt", "x")
    with pytest.raises(NoSheet):
        read(out.getvalue())


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugin_sdk.excel.MOST_UNPACKED", 1000)
    with pytest.raises(NoSheet):
        read(book(["甲"]))


def test_too_many_rows_are_refused_and_none_is_dropped() -> None:
    data = book(*[[str(n)] for n in range(6)])
    assert len(read(data, most=6)) == 6
    with pytest.raises(TooManyRows):
        read(data, most=5)
