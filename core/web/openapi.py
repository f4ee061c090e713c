"""The JSON API described by itself: OpenAPI 3.1, made from the routes, their marks and the models of their bodies."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, current_app, jsonify
from pydantic import BaseModel, create_model
from werkzeug.routing import Rule

from core.web.openapi_schemas import Mode, Problem, Schemas, example_of, parameters_of, parameters_of_list
from plugin_sdk.web import Answer, answers, passive, public

if TYPE_CHECKING:
    from core.host.house import Application

bp = Blueprint("openapi", __name__)
VERSION = "1.0"
UNSAFE = ("post", "put", "patch", "delete")
STATUS_WORDS: Mapping[int, str] = {
    200: "Done", 201: "Made", 202: "Taken, worked on", 204: "Done, nothing to say", 400: "Not a request, or the page's token is missing",
    401: "Nobody, or a token that is over", 403: "A right is missing", 404: "Not there, or not yours", 405: "Another method",
    409: "The state does not allow it, or somebody was faster", 412: "Another version of the protocol", 413: "Too large",
    415: "Another kind of content", 422: "A field does not fit", 429: "Too often: see Retry-After", 460: "The checksum differs",
    503: "A part of the house does not answer", 507: "Storage is full",
}
ABOUT = (
    "Times are RFC 3339 with offset, money is whole fen, ids are opaque strings. `x-names` says what kind of thing a field or "
    "variable names; what is not in the caller's sight answers 404 like what does not exist. HEAD answers as GET without a body."
)


@bp.get("/api/v1/openapi.json")
@public
@passive
@answers(None, media="application/json")
def description() -> Response:
    """This document."""
    app: Any = current_app
    if "openapi" not in app.extensions:
        app.extensions["openapi"] = document(app, app.house)
    return jsonify(app.extensions["openapi"])


def document(app: Flask, house: Application) -> dict[str, Any]:
    """The whole description, the same for everybody: plugins that are ready are in it, whoever has them switched on."""
    routes = list(_routes(app))
    schemas = Schemas([(Problem, "serialization"), *(pair for _, view in routes for pair in _models(view))])
    paths: dict[str, dict[str, Any]] = {}
    for rule, view in routes:
        columns = _added(house, view.listed[0].name) if hasattr(view, "listed") else ()
        for method in methods_of(rule):
            operation = _operation(rule, method, view, schemas, columns)
            paths.setdefault(path_of(rule), {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": house.config.brand, "version": VERSION, "description": ABOUT},
        "servers": [{"url": house.config.url or "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas.definitions,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "of `telerad token create`: one account in one tenant"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-session", "description": "`session` over plain http"},
                "page": {"type": "apiKey", "in": "header", "name": "X-CSRFToken", "description": "the page's token, beside the session"},
            },
        },
    }


def path_of(rule: Rule) -> str:
    """``/studies/<study:id>`` as OpenAPI writes it."""
    return re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule.rule)


def methods_of(rule: Rule) -> list[str]:
    """What the route was made for; OPTIONS only where it is all that the route answers."""
    return sorted(m.lower() for m in (rule.methods or set()) - {"HEAD", "OPTIONS"}) or ["options"]


def _routes(app: Flask) -> Iterator[tuple[Rule, Any]]:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/"):
            yield rule, inspect.unwrap(app.view_functions[rule.endpoint])


def _models(view: Any) -> Iterator[tuple[type[BaseModel], Mode]]:
    for body in (getattr(view, "body", None), getattr(getattr(view, "form", None), "model", None)):
        if body is not None:
            yield body, "validation"
    yield from ((a.model, "serialization") for a in getattr(view, "answers", {}).values() if a.model is not None)
    if hasattr(view, "listed"):
        yield _page(view.listed[1]), "serialization"


_pages: dict[type[BaseModel], type[BaseModel]] = {}


def _page(item: type[BaseModel]) -> type[BaseModel]:
    """``{items, next}`` of an item."""
    if item not in _pages:
        _pages[item] = create_model(f"{item.__name__}Page", items=(list[item], ...), next=(str | None, ...))  # type: ignore[valid-type]
    return _pages[item]


def _added(house: Application, list_name: str) -> list[Any]:
    """The columns that plugins add to a list."""
    declared = house.plugins.house.for_list("columns", list_name, frozenset(house.plugins.ready))
    return [house.resolve(column)() if isinstance(column, str) else column for _, column in declared]


def _operation(rule: Rule, method: str, view: Any, schemas: Schemas, columns: Any) -> dict[str, Any]:
    about = inspect.getdoc(view) or ""
    parameters = [*parameters_of(rule), *getattr(view, "parameters", ())]
    if hasattr(view, "listed"):
        parameters += parameters_of_list(view.listed[0], columns)
    if method == "post":
        parameters.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "pattern": "^[!-~]{1,64}$"}})
    operation: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "tags": [rule.endpoint.partition(".")[0].removesuffix("_api")],
        "summary": about.partition("\n")[0] or rule.endpoint.rpartition(".")[2].replace("_", " "),
        "parameters": parameters,
        "responses": _responses(view, method, schemas),
        "security": _security(view, method),
    }
    if codes := view.access.any_of:
        operation["x-permissions"] = list(codes)
    if body := _body(view, schemas):
        operation["requestBody"] = body
    return operation


def _security(view: Any, method: str) -> list[dict[str, list[str]]]:
    if view.access.kind == "public":
        return []
    return [{"token": []}, {"session": [], "page": []} if method in UNSAFE else {"session": []}]


def _body(view: Any, schemas: Schemas) -> dict[str, Any] | None:
    content: dict[str, Any] = {}
    form, body = getattr(view, "form", None), getattr(view, "body", None)
    if form is not None:
        content[form.media] = {"schema": schemas.ref(form.model, "validation")} if form.model else {}
    if body is not None:
        named = view.body_examples or {"example": example_of(body)}
        content["application/json"] = {
            "schema": schemas.ref(body, "validation"), "examples": {name: {"value": value} for name, value in named.items()},
        }
    return {"required": True, "content": content} if content else None


def _responses(view: Any, method: str, schemas: Schemas) -> dict[str, Any]:
    given: dict[int, Answer] = dict(getattr(view, "answers", {}))
    if hasattr(view, "listed"):
        given.setdefault(200, Answer("application/json", _page(view.listed[1])))
    found = {str(status): _answer(status, answer, schemas) for status, answer in given.items()}
    refused = _refusals(view, method)
    problem = {"application/problem+json": {"schema": schemas.ref(Problem, "serialization")}}
    return found | {str(s): {"description": STATUS_WORDS[s], "content": problem} for s in sorted(refused)}


def _answer(status: int, answer: Answer, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {"description": STATUS_WORDS[status]}
    if answer.headers:
        found["headers"] = {name: {"required": True, "schema": {"type": "string"}} for name in answer.headers}
    if answer.model is not None:
        found["content"] = {answer.media: {"schema": schemas.ref(answer.model, "serialization")}}
    elif answer.media:
        found["content"] = {answer.media: {}}
    return found


def _refusals(view: Any, method: str) -> set[int]:
    """Refusals that a route of this kind may answer with, and those that it names itself."""
    named = set(getattr(view, "refusals", ()))
    if view.access.kind == "public":
        return named
    found = {401, 403, 404, 405, 429, 503, *named}
    if hasattr(view, "listed") or getattr(view, "parameters", None):
        found.add(422)
    return found | ({400, 409, 413, 415, 422} if method in UNSAFE else set())

