"""Sheets: what is text stays text, whatever it begins with."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any, Self

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

MOST = 32767
"""Characters that a cell of Excel holds."""
WIDTH = 16


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

    def add(self, values: Iterable[str | int | float]) -> None:
        """Add a row; numbers are numbers, all else is text."""
        self.sheet.append([v if isinstance(v, int | float) else text_cell(self.sheet, v) if v else None for v in values])

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
