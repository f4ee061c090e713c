"""What core lends to the SDK at run time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from flask import g, render_template, request
from pydantic import BaseModel, ValidationError

from core.host.house import Application
from core.lists import engine
from core.studies import tools
from core.web import panels, slots, step_up
from plugin_sdk.declared import SlotTab
from plugin_sdk.errors import Invalid
from plugin_sdk.types import Ctx


def _unwritable(data: Any, place: str = "") -> Iterator[str]:
    """Where texts hold NUL, which PostgreSQL does not take, or half a character, which no encoding does."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield from _unwritable(value, f"{place}.{name}".lstrip("."))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _unwritable(value, f"{place}.{number}")
    elif isinstance(data, str) and ("\0" in data or any("\ud800" <= sign <= "\udfff" for sign in data)):
        yield place


class Lending:
    """Implements :class:`plugin_sdk.runtime.Host`. Stateless: the application is the request's."""

    @staticmethod
    @cache
    def of_process() -> Lending:
        return Lending()

    @classmethod
    def of(cls, house: Application) -> Lending:
        return cls.of_process()

    def current_ctx(self) -> Ctx:
        return g.ctx  # type: ignore[no-any-return]

    def show_list(self, spec: Any, **extra: Any) -> Any:
        return engine.show(spec, **extra)

    def list_json(self, spec: Any, item: Any) -> Any:
        return engine.json_page(spec, item)

    def render(self, template: str, **values: Any) -> str:
        return render_template(template, **values)

    def require_fresh(self, *, once: bool) -> None:
        step_up.need(once=once)

    def fill_slot(self, name: str, *, owner: str = "", **given: Any) -> list[Any]:
        return list(slots.fill(g.ctx, name, owner=owner, **given))

    def slot_tabs(self, name: str) -> list[SlotTab]:
        return slots.tabs(g.ctx, name)

    def panels(self, period: Any) -> list[Any]:
        return list(panels.shown(g.ctx, period))

    def viewer_tools(self, access: str) -> list[Any]:
        return list(tools.of_opening(g.house, access))

    def read_body(self, model: type[BaseModel]) -> BaseModel:
        """:raise Invalid: no JSON object, a text that nothing can store, or a field that does not fit; one error per field"""
        if not request.data:
            data: Any = {}
        else:
            data = request.get_json(force=True, silent=True)
            if not isinstance(data, dict):
                raise Invalid(errors=[{"field": "", "message": "expected a JSON object"}])
            if bad := list(_unwritable(data)):
                raise Invalid(errors=[{"field": field, "message": "a character that is no text"} for field in bad])
        try:
            return model.model_validate(data)
        except ValidationError as error:
            raise Invalid(
                errors=[{"field": ".".join(map(str, e["loc"])), "message": e["msg"]} for e in error.errors()]
            ) from error
