"""Marks of views, and what views need. Marks only mark; core enforces them before the view runs.

Deny by default: a view without exactly one access mark stops the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from flask import request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict
from werkzeug.local import LocalProxy

from .declared import SlotTab
from .errors import Invalid
from .lists import ListSpec
from .panels import Period, ShownPanel
from .reveal import FIELDS, PURPOSES
from .runtime import host
from .types import Ctx

V = TypeVar("V", bound=Callable[..., Any])
M = TypeVar("M", bound=BaseModel)
Kind = Literal["requires", "signed_in", "image", "guest", "node", "operator", "public"]

ctx = cast(Ctx, LocalProxy(lambda: host().current_ctx()))


@dataclass(frozen=True)
class Access:
    """Who may use a view. ``code`` is the permission of ``requires`` and ``operator``."""

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
    """Asked by a page without anybody at it: does not renew the session."""
    view.passive = True  # type: ignore[attr-defined]
    return view


def fresh(view: V) -> V:
    """Want a password younger than ``accounts.fresh_minutes``; for exports, tokens, phones, money.

    Without one a program with a session gets 403 ``fresh-password-required``; a page asks for the password and repeats
    the wish, form fields included, files not. A bearer token acts without a session and is not asked.
    """
    view.fresh = True  # type: ignore[attr-defined]
    return view


def require_fresh(*, once: bool = False) -> None:
    """The same from within a view, where only some of its acts want it: call it before the object is touched.

    :param once: the password counts for this act alone; the next one asks again
    :raise DomainError: 403 ``fresh-password-required``
    """
    host().require_fresh(once=once)


@dataclass(frozen=True)
class Content:
    """A body that is no JSON. ``model`` names the fields of a form, ``None`` is plain bytes."""

    media: str
    model: type[BaseModel] | None


@dataclass(frozen=True)
class Answer:
    media: str
    model: type[BaseModel] | None
    headers: tuple[str, ...] = ()


class Body(BaseModel):
    """Base of JSON bodies: unknown fields are an error, texts are stripped at the ends."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def body_limit(most: int | str) -> Callable[[V], V]:
    """Let a view take a body of up to ``most`` bytes; without this mark it is 1 MB. Known before anything is read.

    :param most: bytes, or the name of one of the operator's limits (``core/limits.py``)
    """

    def mark(view: V) -> V:
        view.body_limit = most  # type: ignore[attr-defined]
        return view

    return mark


def takes(model: type[BaseModel], **examples: Mapping[str, Any]) -> Callable[[V], V]:
    """Name the body of a view for the API description.

    :param examples: valid bodies by name; a name that is a word of the route is the body for that word. Without any,
        one is made of the fields' own examples and defaults. Ids in them are made up: fields say what they name (``ref``)
    """

    def mark(view: V) -> V:
        view.body, view.body_examples = model, examples  # type: ignore[attr-defined]
        return view

    return mark


def takes_form(model: type[BaseModel], *, media: str = "multipart/form-data") -> Callable[[V], V]:
    """Name the fields of a form for the API description; ``bytes`` is a file. A view may take this and a JSON body."""

    def mark(view: V) -> V:
        view.form = Content(media, model)  # type: ignore[attr-defined]
        return view

    return mark


def takes_bytes(media: str) -> Callable[[V], V]:
    """Say for the API description that the body is bytes of this media type."""

    def mark(view: V) -> V:
        view.form = Content(media, None)  # type: ignore[attr-defined]
        return view

    return mark


def answers(
    model: type[BaseModel] | None, status: int = 200, *, media: str = "application/json", headers: Sequence[str] = ()
) -> Callable[[V], V]:
    """Name what a view answers when it does what was asked. ``None`` with a media type is bytes, without one nothing.

    :param headers: of this answer, beside those of every answer
    """

    def mark(view: V) -> V:
        found: dict[int, Answer] = vars(view).setdefault("answers", {})
        found[status] = Answer(media, model, tuple(headers))
        return view

    return mark


def refuses(*statuses: int) -> Callable[[V], V]:
    """Name refusals of a view beyond those of every route of its kind."""

    def mark(view: V) -> V:
        view.refusals = statuses  # type: ignore[attr-defined]
        return view

    return mark


def reads(name: str, schema: Mapping[str, Any], *, header: bool = False, required: bool = False) -> Callable[[V], V]:
    """Name a query parameter, or a header, for the API description."""

    def mark(view: V) -> V:
        vars(view).setdefault("parameters", []).append(
            {"name": name, "in": "header" if header else "query", "required": required, "schema": dict(schema)})
        return view

    return mark


def lists(spec: ListSpec, item: type[BaseModel]) -> Callable[[V], V]:
    """Name the list that a view answers with :func:`list_json`: filters and sort keys are the list's."""

    def mark(view: V) -> V:
        view.listed = (spec, item)  # type: ignore[attr-defined]
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


def fill_slot(name: str, *, owner: str = "", **given: Any) -> list[Any]:
    """Draw what enabled plugins put into a slot of one's own page; each part is escaped text or its own template.

    Templates call ``slot(name, ...)``, which is the same. :param owner: draw this plugin's part alone, as in a tab
    """
    return host().fill_slot(name, owner=owner, **given)


def slot_tabs(name: str) -> list[SlotTab]:
    """The tabs that enabled plugins add to one's own page by a slot; ``fill_slot(name, owner=...)`` draws each."""
    return host().slot_tabs(name)


def panels(period: Period) -> list[ShownPanel]:
    """Panels of every enabled plugin that this member may see, filled for a period; one that failed has no data."""
    return host().panels(period)


def viewer_tools(access: str) -> list[Mapping[str, str]]:
    """What plugins put into the viewer's tool bar, for whoever opened these images: ``key label icon url``.

    :raise NotFound: not an opening of this person
    """
    return host().viewer_tools(access)


def render(template: str, **values: Any) -> str:
    return host().render(template, **values)


def reveal_page(field: str, *, action: str, back: str, value: str | None = None) -> str:
    """The dialog that asks what a masked value is wanted for, or the one that shows it; a page without script."""
    return render(
        "reveal.html", label=FIELDS[field], action=action, back_url=back, value=value, purposes=list(PURPOSES.items()),
        purpose="treatment", fragment=request.headers.get("HX-Target") == "dialog#dialog",
    )


def in_panel() -> bool:
    """The side panel wants this view's answer: leave the page's frame out (``_fragment.html`` instead of ``base.html``)."""
    return request.headers.get("HX-Target") == "dialog#drawer"


def form_version() -> int:
    """The ``version`` that a form was drawn with."""
    try:
        return int(request.form["version"])
    except (KeyError, ValueError) as error:
        raise Invalid(errors=[{"field": "version", "message": "version"}]) from error
