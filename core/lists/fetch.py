"""Rows of a list by keyset: ordered by (sort, pk), one row more than shown, nothing counted.

The cursor is a row's public id; its sort value is read back in scope, so that no name travels and no type needs
parsing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, literal, select, tuple_

from core.lists.ask import Ask
from plugin_sdk.ids import made_at
from plugin_sdk.lists import ListSpec


def rows_of(ctx: Any, spec: ListSpec, ask: Ask) -> tuple[list[Any], bool, bool]:
    """One page of rows. :return: the rows, whether more come after, whether more come before"""
    place = _place(ctx, spec, ask)
    backwards = place is not None and bool(ask.before) and not ask.after
    down = ask.descending != backwards
    stmt = statement(ctx, spec, ask)
    if place is not None:
        key = tuple_(ask.sort.sort, spec.pk)
        if ask.inclusive:
            stmt = stmt.where(key <= place if down else key >= place)
        else:
            stmt = stmt.where(key < place if down else key > place)
    ends = [e.desc() if down else e.asc() for e in (ask.sort.sort, spec.pk)]
    found = ctx.db.scalars(stmt.order_by(*ends).limit(ask.limit + 1)).unique().all()
    rows, more = list(found[: ask.limit]), len(found) > ask.limit
    if backwards:
        rows.reverse()
    return rows, more or backwards, more if backwards else place is not None


def statement(ctx: Any, spec: ListSpec, ask: Ask) -> Select[Any]:
    """The list's query narrowed by the filters, with the table that the sort reads."""
    return _joined(spec.query(ctx).where(*ask.where), ask)


def count(ctx: Any, spec: ListSpec, ask: Ask, most: int) -> int:
    """Rows that the filters leave, counted up to ``most``."""
    inner = spec.query(ctx).where(*ask.where).with_only_columns(spec.pk).order_by(None).limit(most).subquery()
    return int(ctx.db.scalar(select(func.count()).select_from(inner)))


def count_above(ctx: Any, spec: ListSpec, ask: Ask, most: int) -> int:
    """Rows that the filters leave and that stand above the one that ``ask`` begins with, counted up to ``most``."""
    place = _place(ctx, spec, ask)
    if place is None:
        return 0
    key = tuple_(ask.sort.sort, spec.pk)
    above = statement(ctx, spec, ask).where(key > place if ask.descending else key < place)
    inner = above.with_only_columns(spec.pk).order_by(None).limit(most).subquery()
    return int(ctx.db.scalar(select(func.count()).select_from(inner)))


def newer(ctx: Any, spec: ListSpec, ask: Ask, mark: str, shown: Sequence[str], most: int) -> int:
    """Rows that the filters leave, come since ``mark`` (a public id) and not on the page, counted up to ``most``.

    They come by being made; in a list that says when they ``entered``, also by a change of state.
    """
    since = spec.public_id > mark if spec.entered is None else spec.entered > made_at(mark)
    inner = (
        spec.query(ctx).where(*ask.where, since, spec.public_id.not_in(shown))
        .with_only_columns(spec.pk).order_by(None).limit(most).subquery()
    )
    return int(ctx.db.scalar(select(func.count()).select_from(inner)))


def by_ids(ctx: Any, spec: ListSpec, public_ids: Sequence[str]) -> list[Any]:
    """Rows in scope of these public ids, in the order of the ids; filters do not matter."""
    found = ctx.db.scalars(spec.query(ctx).where(spec.public_id.in_(public_ids))).unique().all()
    place = {public_id: n for n, public_id in enumerate(public_ids)}
    return sorted(found, key=lambda row: place[getattr(row, spec.public_id.key)])


def _joined(stmt: Select[Any], ask: Ask) -> Select[Any]:
    return stmt.outerjoin(*ask.sort.join) if ask.sort.join else stmt


def _place(ctx: Any, spec: ListSpec, ask: Ask) -> Any:
    """Where the neighbouring page ended, read back from its last row; ``None`` if there is none or it has gone."""
    if ask.place is not None:
        return ask.place
    row = ask.after or ask.before
    return place_of(ctx, spec, ask, row) if row else None


def place_of(ctx: Any, spec: ListSpec, ask: Ask, row: str) -> Any:
    """Where a row stands in the order, by its public id; ``None`` if it is not in scope any more."""
    sort = ask.sort.sort
    stmt = _joined(spec.query(ctx).where(spec.public_id == row), ask).with_only_columns(sort, spec.pk).order_by(None)
    found = ctx.db.execute(stmt).one_or_none()
    return None if found is None else tuple_(literal(found[0], sort.type), literal(found[1], spec.pk.type))
