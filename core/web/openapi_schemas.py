"""Schemas, parameters and examples of the API's description, from the declarations that the views themselves use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, MinLen
from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from core import limits
from plugin_sdk.lists import Filter, ListSpec

REF = "#/components/schemas/{model}"
SAMPLE_ID = "06B3ZK8Q4T7XW2M9V5N1R0C8YD"
SAMPLES: Mapping[str, str] = {"tenant": "GDEMO"}
"""What stands in an example for an id of a resource; another resource has a made-up public id."""
DATE = {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}
Mode = Literal["validation", "serialization"]


class FieldError(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    """A refusal (RFC 9457). ``type`` is ``urn:telerad:problem:<code>``; a code may bring members of its own."""

    type: str = Field(pattern="^urn:telerad:problem:[a-z-]+$")
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default_factory=list, description="one per field that does not fit")
    permission: str = Field(default="", description="the code that is missing, with 403 forbidden")
    number: str = Field(default="", description="to quote to whoever runs the house, with 500")


class Schemas:
    """Schemas of all models that a document names, written once."""

    def __init__(self, models: Iterable[tuple[type[BaseModel], Mode]]) -> None:
        wanted = sorted({(m, mode) for m, mode in models}, key=lambda pair: (pair[0].__name__, pair[0].__module__, pair[1]))
        self._refs, found = models_json_schema(wanted, ref_template=REF)
        self.definitions = marked(found.get("$defs", {}))

    def ref(self, model: type[BaseModel], mode: Mode) -> dict[str, Any]:
        return dict(self._refs[(model, mode)])


def marked(schema: Any) -> Any:
    """The same schema with ``ref``, which says what a field names, as the extension ``x-names``."""
    if isinstance(schema, list):
        return [marked(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    return {"x-names" if k == "ref" and isinstance(v, str) else k: marked(v) for k, v in schema.items()}


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """A valid body: what is compulsory, and every field that has an example."""
    return {name: _value(info) for name, info in model.model_fields.items() if info.is_required() or info.examples}


def _names(info: FieldInfo) -> str:
    extra = info.json_schema_extra
    return str(extra.get("ref", "")) if isinstance(extra, dict) else ""


def _value(info: FieldInfo) -> Any:
    if info.examples:
        return info.examples[0]
    kind = next((a for a in get_args(info.annotation) if a is not type(None)), info.annotation) if (
        type(None) in get_args(info.annotation)) else info.annotation
    least = next((m.ge if isinstance(m, Ge) else m.min_length for m in info.metadata if isinstance(m, Ge | MinLen)), 1)
    if get_origin(kind) is list:
        (inner,) = get_args(kind)
        return [_of_kind(inner, _names(info))] * max(1, int(str(least)))
    return int(str(least)) if kind is int else _of_kind(kind, _names(info))


def _of_kind(kind: Any, names: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return example_of(kind)
    if names:
        return SAMPLES.get(names, SAMPLE_ID)
    if get_origin(kind) is Literal:
        return get_args(kind)[0]
    return {bool: True, int: 1}.get(kind, "text")


def parameters_of(rule: Rule) -> list[dict[str, Any]]:
    """The variables of a path, each with what it names."""
    return [{"name": name, "in": "path", "required": True, **_variable(rule, name)} for name in sorted(rule.arguments)]


def _variable(rule: Rule, name: str) -> dict[str, Any]:
    converter = rule._converters[name]
    resource, items = getattr(converter, "resource", ""), getattr(converter, "items", None)
    if items:
        return {"schema": {"type": "string", "enum": sorted(items)}}
    schema: dict[str, Any] = {"type": "string"}
    if converter.regex not in ("[^/]+", "[^/].*?"):
        schema["pattern"] = f"^(?:{converter.regex})$"
    return {"schema": {**schema, **({"x-names": resource} if resource else {})},
            **({"example": SAMPLES.get(resource, SAMPLE_ID)} if resource else {})}


def parameters_of_list(spec: ListSpec, columns: Iterable[Any]) -> list[dict[str, Any]]:
    """Filters, sort keys and paging of a list."""
    keys = sorted(c.key for c in [*spec.columns, *columns] if c.sort is not None)
    fixed = [
        ("limit", {"type": "integer", "minimum": 1, "maximum": limits.current().list_rows, "default": spec.page_size}, "rows of a page"),
        ("after", {"type": "string", "x-names": spec.name}, "id of the last row of the page before: what `next` said"),
        ("sort", {"type": "string", "enum": [s + k for k in keys for s in ("", "-")], "default": spec.sort}, "`-` is downwards"),
    ]
    return [*({"name": f.key, "in": "query", "description": str.__str__(f.label) if isinstance(f.label, str) else "", "schema": _filter(f)} for f in spec.filters),
            *({"name": n, "in": "query", "schema": s, "description": d} for n, s, d in fixed)]


def _filter(of: Filter) -> dict[str, Any]:
    if of.choices is not None:
        return {"type": "string", "enum": [value for value, _ in of.choices()]}
    return dict(DATE) if of.kind in ("date", "datetime") else {"type": "string"}
