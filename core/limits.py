"""Every limit that an operator may move, in one place. ``TELERAD_LIMIT_<NAME>`` in the environment replaces a value.

What a format itself bounds (depth and elements of a data set, one frame) stands with the code that walks it; what a
tenant may choose (sizes of an uploaded dcm and zip) is a setting.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from typing import Any

from plugin_sdk.errors import DomainError

MB, GB = 1024**2, 1024**3
PREFIX = "TELERAD_LIMIT_"


class BadLimit(DomainError):
    """A limit in the environment that is no whole number, or below what the product needs."""


def limit(value: int, about: str, *, least: int = 1) -> Any:
    """:param least: the smallest value that may be given; 0 where 0 means "no limit" """
    return field(default=value, metadata={"about": about, "least": least})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bytes unless the name says otherwise. Each is read where it is enforced; docs/limits.md lists them."""

    body: int = limit(MB, "body of a request whose route names no other")
    form_parts: int = limit(100, "parts of a multipart form")
    tus_chunk: int = limit(64 * MB, "one PATCH of a resumable upload")
    upload_request: int = limit(4 * GB, "one multipart upload, all files together")
    upload_files: int = limit(2000, "files of one multipart upload")
    capture_request: int = limit(9 * MB, "request that brings a key image")
    request_line: int = limit(8190, "characters of the request line", least=1024)
    header_fields: int = limit(100, "header fields of a request", least=20)
    zip_entries: int = limit(50_000, "entries of a zip")
    zip_inflated: int = limit(20 * GB, "a zip, inflated")
    child_memory: int = limit(2 * GB, "address space of a parsing or decoding child", least=256 * MB)
    child_cpu: int = limit(20, "seconds of processor time of a child, per file")
    page_rows: int = limit(500, "rows of one page of a DICOMweb search")
    list_rows: int = limit(100, "rows of one page of a list")
    search_rows: int = limit(100, "rows of a DICOMweb search that names no limit")
    api_calls: int = limit(600, "calls of the JSON API per token and minute; 0 = no limit", least=0)
    image_calls: int = limit(300, "DICOMweb requests per session or token and second; 0 = no limit", least=0)
    login_calls: int = limit(20, "attempts to log in per address in 5 minutes; 0 = no limit", least=0)
    link_calls: int = limit(60, "calls of the public door per address and minute; 0 = no limit", least=0)
    passcode_tries: int = limit(5, "wrong passcodes of a link in half an hour")
    export_rows: int = limit(50_000, "rows of one export")


def read(env: Mapping[str, str]) -> Limits:
    """:raise BadLimit: a name that is no limit, or a value that cannot be one"""
    known = {f.name: f for f in fields(Limits)}
    given: dict[str, int] = {}
    for variable, text in env.items():
        if not variable.startswith(PREFIX):
            continue
        found = known.get(variable.removeprefix(PREFIX).lower())
        if found is None:
            raise BadLimit(f"{variable}: no such limit")
        if not text.isdecimal() or int(text) < found.metadata["least"]:
            raise BadLimit(f"{variable}: a whole number of at least {found.metadata['least']}")
        given[found.name] = int(text)
    return Limits(**given)


_current: list[Limits] = []


def current() -> Limits:
    """The limits of this process, read from its environment once."""
    if not _current:
        _current.append(read(os.environ))
    return _current[0]


@contextmanager
def changed(**values: int) -> Iterator[Limits]:
    """Other limits for a while. For tests only."""
    before = current()
    _current[0] = replace(before, **values)
    try:
        yield _current[0]
    finally:
        _current[0] = before


def shown(env: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """Name, value and origin of each limit."""
    limits = read(env)
    return [
        (f.name, getattr(limits, f.name), variable if (variable := PREFIX + f.name.upper()) in env else "default")
        for f in fields(Limits)
    ]
