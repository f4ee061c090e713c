"""Marks of views, and what views need. Marks only mark; core enforces them before the view runs.

Deny by default: a view without exactly one access mark stops the start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from flask import request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict
from werkzeug.local import LocalProxy

from .errors import Invalid
from .runtime import host
from .types import Ctx

V = TypeVar("V", bound=Callable[..., Any])
M = TypeVar("M", bound=BaseModel)
Kind = Literal["requires", "signed_in", "image", "guest", "node", "operator", "public"]

ctx = cast(Ctx, LocalProxy(lambda: host().current_ctx()))


@dataclass(frozen=True)
class Access:
    """Who may use a view. ``code`` is the permission of ``requires`` and ``operator``.

    ``passive``: does not renew the session. ``fresh``: wants a recent password.
    """

    kind: Kind
    code: str = ""
    any_of: tuple[str, ...] = ()


def _mark(kind: Kind, code: str = "", any_of: tuple[str, ...] = ()) -> Callable[[V], V]:
    def mark(view: V) -> V:
        if hasattr(view, "access"):
            raise RuntimeError(f"{view.__name__}: two access marks")
        view.access = Access(kind, code, any_of)  # type: ignore[attr-defined]
        return view

    return mark


def requires(*codes: str) -> Callable[[V], V]:
    """Session or token, member of the tenant, plugin on, and one of ``codes`` held.

    Several codes are for a page that both sides have: each side holds its own.
    """
    return _mark("requires", codes[0], codes)


def operator(code: str) -> Callable[[V], V]:
    return _mark("operator", code)


def signed_in(view: V) -> V:
    return _mark("signed_in")(view)


def image(view: V) -> V:
    """DICOMweb and files: a member who may see the study, or the opening of this principal (read only)."""
    return _mark("image")(view)


def guest(view: V) -> V:
    return _mark("guest")(view)


def node(view: V) -> V:
    return _mark("node")(view)


def public(view: V) -> V:
    return _mark("public")(view)


def passive(view: V) -> V:
    view.passive = True  # type: ignore[attr-defined]
    return view


class Body(BaseModel):
    """Base of JSON bodies: unknown fields are an error, texts are stripped at the ends."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def body_limit(most: int) -> Callable[[V], V]:
    """Let a view take a body of up to ``most`` bytes; without this mark it is 1 MB. Known before anything is read."""

    def mark(view: V) -> V:
        view.body_limit = most  # type: ignore[attr-defined]
        return view

    return mark


def takes(model: type[BaseModel]) -> Callable[[V], V]:
    """Name the body of a view for the API description."""

    def mark(view: V) -> V:
        view.body = model  # type: ignore[attr-defined]
        return view

    return mark


def read_body(model: type[M]) -> M:
    """Read and check the JSON body. Call it after the object was found: 404 and 409 come before 422.

    :raise Invalid: with one entry per field
    """
    return cast(M, host().read_body(model))


def show_list(spec: Any, **extra: Any) -> ResponseReturnValue:
    """Answer with a page of a declared list, whole or as a fragment."""
    return cast(ResponseReturnValue, host().show_list(spec, **extra))


def list_json(spec: Any, item: Callable[[Any], dict[str, Any]]) -> ResponseReturnValue:
    """Answer ``{items, next}`` from the same declaration: filters, sort and paging are the list's."""
    return cast(ResponseReturnValue, host().list_json(spec, item))


def render(template: str, **values: Any) -> str:
    return host().render(template, **values)


def form_version() -> int:
    """The ``version`` that a form was drawn with."""
    try:
        return int(request.form["version"])
    except (KeyError, ValueError) as error:
        raise Invalid(errors=[{"field": "version", "message": "version"}]) from error
