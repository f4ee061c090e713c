"""From a URL to a list: the page, its fragment, or JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import g, jsonify, make_response, render_template, request
from werkzeug.datastructures import MultiDict

from core.lists.ask import read
from core.lists.fetch import count_above, rows_of
from core.lists.page import Page
from core.lists.parts import columns_of
from plugin_sdk.lists import ListSpec

FURTHEST = 100_000
"""Rows above one that ``?at=`` found are counted no further; the numbers then begin there."""


def numbered() -> int:
    """Number of the first row by the URL: it travels there, since nothing is counted."""
    return max(1, request.args.get("n", 1, type=int))


def here(**changes: Any) -> str:
    """This page's URL with some arguments changed; ``None`` takes one away. Paging ends when the sort changes."""
    args = MultiDict(request.args)
    if "sort" in changes:
        args.pop("after", None)
        args.pop("before", None)
    number, size = g.get("list_number") or numbered(), g.get("list_rows", 0)
    args.pop("n", None)
    if "after" in changes:
        args.pop("before", None)
        changes["n"] = number + size
    if "before" in changes:
        args.pop("after", None)
        changes["n"] = max(1, number - g.get("list_limit", size))
    if "n" not in changes and ("after" in args or "before" in args):
        changes["n"] = number
    for key, value in changes.items():
        args.pop(key, None)
        if value is not None:
            args[key] = str(value)
    query = urlencode(list(args.items(multi=True)))
    return f"{request.path}?{query}" if query else request.path


def page_of(spec: ListSpec, *, page: bool) -> Page:
    """The page that the URL asks for. ``?at=`` finds a row: default ranges do not hide it, and the page that has it opens."""
    ctx = g.ctx
    columns = columns_of(ctx, spec)
    ask = read(ctx, spec, columns, request.args, page=page)
    rows, after, before = rows_of(ctx, spec, ask)
    number = numbered() if before else 1
    at = request.args.get("at", "")
    if page and at and not (ask.after or ask.before) and all(getattr(row, spec.public_id.key) != at for row in rows):
        there = replace(ask, after=at, inclusive=True)
        rows, after, before = rows_of(ctx, spec, there)
        number = 1 + count_above(ctx, spec, there, FURTHEST) if before else 1
    g.list_rows, g.list_limit, g.list_number = len(rows), ask.limit, number
    return Page(
        ctx=ctx, spec=spec, ask=ask, columns=columns, rows=rows, more_after=after, more_before=before, first_number=number
    )


def show(spec: ListSpec, **extra: Any) -> Any:
    """The page, or only its list when htmx asks for that element."""
    page = page_of(spec, page=True)
    fragment = request.headers.get("HX-Target") == f"section#{spec.dom_id}"
    response = make_response(render_template(spec.template, page=page, here=here, fragment=fragment, **extra))
    response.vary.add("HX-Target")
    return response


def json_page(spec: ListSpec, item: Callable[[Any], dict[str, Any]]) -> Any:
    page = page_of(spec, page=False)
    following = page.key(page.rows[-1]) if page.more_after and page.rows else None
    return jsonify({"items": [item(row) for row in page.rows], "next": following})
