"""Sheets: what is text stays text, whatever it begins with; what somebody sends is read as they see it, and no formula runs.

Heavy: imports openpyxl.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from .errors import Invalid
from .i18n import lazy as _l

MEDIA = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST = 32767
"""Characters that a cell of Excel holds."""
WIDTH = 16
MOST_UNPACKED = 64 * 1024 * 1024


def text_cell(sheet: Any, value: object) -> Any:
    """A cell that is text: ``=1+1`` is shown, not computed, and 4401… keeps its digits."""
    cell = WriteOnlyCell(sheet, value=None)
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", str(value))[:MOST]
    cell.data_type = "s"
    return cell


class Sheet:
    """A workbook of one sheet, written row by row and never held in memory whole."""

    def __init__(self, title: str, heads: Sequence[object]) -> None:
        self.saved = False
        self.book = Workbook(write_only=True)
        self.sheet = self.book.create_sheet("".join(c for c in title if c not in "[]:*?/\\")[:31])
        self.sheet.freeze_panes = "A2"
        for n in range(1, len(heads) + 1):
            self.sheet.column_dimensions[get_column_letter(n)].width = WIDTH
        cells = [text_cell(self.sheet, head) for head in heads]
        for cell in cells:
            cell.font = Font(bold=True)
        self.sheet.append(cells)

    def add(self, values: Iterable[str | int | float | Decimal]) -> None:
        """Add a row; numbers are numbers, all else is text."""
        self.sheet.append([v if isinstance(v, int | float | Decimal) else text_cell(self.sheet, v) if v else None for v in values])

    def data(self) -> bytes:
        """The whole file; nothing can be added after."""
        out = io.BytesIO()
        self.book.save(out)
        self.saved = True
        return out.getvalue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What was begun and not wanted leaves no temporary file: openpyxl takes it away when it saves."""
        if not self.saved:
            self.data()


class NoSheet(Invalid):
    sentence = _l("不是可读取的 Excel 文件（.xlsx）")


class TooManyRows(Invalid):
    """:param most: rows that are read"""

    sentence = _l("表格行数过多")


@dataclass(frozen=True)
class Cell:
    """A cell as a person sees it: ``30%`` and ``12.5``, not 0.3 and 12.500000000000002.

    :param formula: the text is a formula's, whose value nobody worked out
    """

    text: str = ""
    formula: bool = False


@dataclass(frozen=True)
class Row:
    """:param number: as Excel counts, from 1"""

    number: int
    cells: Sequence[Cell]

    def __getitem__(self, column: int) -> Cell:
        """A cell by its column from 0; beyond the end it is empty."""
        return self.cells[column] if column < len(self.cells) else Cell()


def read(data: bytes, *, most: int = 2000) -> list[Row]:
    """Read the first sheet of a workbook, without rows in which nothing stands.

    :raise NoSheet: something else, broken, or one that unpacks to more than 64 MB
    :raise TooManyRows: rows beyond ``most``: none is left out silently
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            if sum(part.file_size for part in packed.infolist()) > MOST_UNPACKED:
                raise NoSheet
        sheet = load_workbook(io.BytesIO(data), read_only=True, keep_links=False).worksheets[0]
        sheet.reset_dimensions()
        rows: list[Row] = []
        for number, cells in enumerate(sheet.iter_rows(), 1):
            row = Row(number, [_cell(cell) for cell in cells])
            if any(cell.text for cell in row.cells):
                if len(rows) == most:
                    raise TooManyRows(most=most)
                rows.append(row)
    except Invalid:
        raise
    except Exception as error:  # whatever a library makes of bytes from outside: they are no sheet to us
        raise NoSheet from error
    return rows


def _cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return Cell()
    if isinstance(value, int | float) and not isinstance(value, bool):
        percent = "%" in (cell.number_format or "")
        return Cell(_number(value * 100 if percent else value) + "%" * percent)
    return Cell(str(value).strip(), formula=cell.data_type == "f")


def _number(value: float) -> str:
    """Without the last digits of binary fractions and without an exponent."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
