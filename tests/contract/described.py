"""Reading the API's description: schemas followed, values checked against them, ids of a stage put into examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

Doc = Mapping[str, Any]


def operations(doc: Doc) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in doc["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def followed(doc: Doc, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = doc["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def misfits(doc: Doc, schema: Mapping[str, Any], value: Any) -> list[str]:
    """What of a value the schema does not allow, or does not name."""
    whole = {**schema, "components": doc["components"]}
    checker = Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{e.json_path}: {e.message}"[:200] for e in checker.iter_errors(value)] + list(_unnamed(doc, schema, value, "$"))


def _unnamed(doc: Doc, schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
    schema = followed(doc, schema)
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null" and value is not None:
            yield from _unnamed(doc, option, value, place)
    if isinstance(value, dict) and "properties" in schema:
        for name, inner in value.items():
            if name not in schema["properties"]:
                yield f"{place}.{name} is not described"
            else:
                yield from _unnamed(doc, schema["properties"][name], inner, f"{place}.{name}")
    elif isinstance(value, list) and "items" in schema:
        for n, inner in enumerate(value):
            yield from _unnamed(doc, schema["items"], inner, f"{place}[{n}]")


def filled(doc: Doc, schema: Mapping[str, Any], value: Any, ids: Mapping[str, list[str]], n: int = 0) -> Any:
    """An example with real ids where the schema says what a field names; ``version`` and ``sha256`` are given by name."""
    schema = followed(doc, schema)
    if isinstance(value, list):
        inner = {**schema.get("items", {}), **({"x-names": schema["x-names"]} if "x-names" in schema else {})}
        return [filled(doc, inner, v, ids, i) for i, v in enumerate(value)]
    if isinstance(value, dict):
        return {k: _filled_field(doc, schema["properties"][k], k, v, ids, n) for k, v in value.items()}
    found = ids.get(schema.get("x-names", ""))
    return value if found is None else found[n % len(found)]


def _filled_field(doc: Doc, schema: Mapping[str, Any], name: str, value: Any, ids: Mapping[str, list[str]], n: int) -> Any:
    if name in ("version", "sha256"):
        given: Any = ids[name][n % len(ids[name])]
        return int(given) if name == "version" else given
    return filled(doc, schema, value, ids, n)
