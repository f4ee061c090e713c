"""A marked tenant beside every test: no answer made for somebody else may hold its mark, whatever the test is about.

``MARK`` stands in every text that the marked tenants own. :class:`WatchedClient` is the client of every test and reads
each answer: body, headers, the text of a PDF, the cells of a workbook, names and contents of a zip.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import openpyxl
from flask.testing import FlaskClient
from pypdf import PdfReader
from werkzeug.test import TestResponse

from core.web.logs import JsonLines

MARK = "Kanarienvogel7"
"""Plain letters, or JSON would hide it."""
TENANTS = re.compile(rf"(?:医院|诊断组){MARK}\d+")
"""Names of marked tenants."""
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST = 4 * 1024 * 1024
"""Bytes of a body that are read at once; a longer one, or one without a length, is watched while it flows."""


class Leak(AssertionError):
    """An answer shows a text of a tenant that the asker is a stranger to."""


class WatchedLog(logging.Handler):
    """Reads every line of the log as it would be written; ``leaks`` are those that name a patient of the tests."""

    NAMES = (MARK, "测试甲", "ceshijia")
    """The marked tenant's texts, and the patient that the factories make."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonLines())
        self.leaks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        if any(name in line for name in self.NAMES):
            self.leaks.append(line)

    def take(self) -> list[str]:
        found, self.leaks = self.leaks, []
        return found


class WatchedClient(FlaskClient):
    """A client that fails the test when an answer holds the mark. ``reads``: the name of the tenant it acts for."""

    reads = ""

    def open(self, *args: Any, **kw: Any) -> TestResponse:
        answer = super().open(*args, **kw)
        if MARK in self.reads:
            return answer
        if (answer.content_length or MOST) < MOST:
            if MARK in readable(answer):
                raise Leak(f"{answer.request.method} {answer.request.path}: shows a text of the marked tenant")
        else:
            answer.response = _flowing(answer.response, answer.request.path)
        return answer


def _flowing(chunks: Any, path: str) -> Iterator[bytes]:
    """Pass a stream on and look for the mark in it, also where it lies across two chunks."""
    tail, mark = b"", MARK.encode()
    try:
        for chunk in chunks:
            data = chunk.encode() if isinstance(chunk, str) else chunk
            if mark in tail + data:
                raise Leak(f"{path}: streams a text of the marked tenant")
            tail = data[-len(mark):]
            yield data
    finally:
        getattr(chunks, "close", lambda: None)()


def readable(answer: TestResponse) -> str:
    """All that a person could read in an answer. On pages of the platform names of tenants do not count: operators know them."""
    text = text_of(answer.get_data(), answer.mimetype) + str(answer.headers)
    return without_tenants(text) if answer.request.path.startswith("/admin/") else text


def without_tenants(text: str) -> str:
    return TENANTS.sub("", text)


def text_of(data: bytes, media: str = "") -> str:
    """The bytes as text, and what is packed in them."""
    text = data.decode("utf-8", "replace")
    if media == "application/pdf" or data.startswith(b"%PDF-"):
        text += "".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
    elif data.startswith(b"PK\x03\x04"):
        text += "".join(_cells(data) if media == XLSX else _members(data))
    return text


def _members(data: bytes) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            yield f"{name}\n"
            yield text_of(archive.read(name))


def _cells(data: bytes) -> Iterator[str]:
    for sheet in openpyxl.load_workbook(io.BytesIO(data), read_only=True):
        yield sheet.title
        for row in sheet.iter_rows(values_only=True):
            yield from (f"{cell}\n" for cell in row if cell is not None)
