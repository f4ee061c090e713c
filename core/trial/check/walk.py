"""Two tenants with rows in every table of the plugin: nothing of one is in an answer for the other.

The rows are made of the columns' own types, and every text in them holds its tenant's mark. Then each route of the plugin
is asked by the owner, and by a stranger with the owner's ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import count, product
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.routing import Rule

from core.trial.check import Finding, Findings, Subject, tables
from core.trial.house import TrialHouse, TrialPerson
from plugin_sdk.db import OpenEnum, TwoPartyMixin
from plugin_sdk.errors import NotFound
from plugin_sdk.types import Side
from plugin_sdk.web import Access

MARKS = ("Vogela", "Vogelb")
numbers = count(1)


@dataclass
class Here:
    """One house and what was put into it."""

    house: TrialHouse
    mark: str
    rows: dict[str, list[Any]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def admin(self, side: Side) -> TrialPerson:
        return self.house.person("h_admin" if side == "hospital" else "g_admin")


def check(subject: Subject) -> Findings:
    routes = _routes(subject)
    classes = tables.classes(subject)
    if not routes and not classes:
        return
    mine, other = (Here(subject.trial.house(), mark) for mark in MARKS)
    for here in (mine, other):
        yield from fill(subject, here, classes)
    yield from select(subject, mine, other, classes)
    for rule in routes:
        yield from visit(subject, rule, mine, other)


def _routes(subject: Subject) -> list[Rule]:
    """The plugin's own rules below a tenant."""
    app = subject.trial.app
    owners = {name: spec.plugin for name, spec in app.house.blueprint_owner.items() if spec is not None}
    return [
        r for r in app.url_map.iter_rules()
        if owners.get(r.endpoint.rpartition(".")[0]) == subject.name and r.rule.startswith(("/t/", "/api/v1/t/"))
    ]


def fill(subject: Subject, here: Here, classes: Mapping[str, type]) -> Findings:
    """Put a row into every table, in the hospital's ctx or the group's."""
    study = here.house.study(name=here.mark)
    here.ids = {"study": study.public_id, "request": here.house.ask(study).ref.public_id, "connection": here.house.link.public_id}
    side = _side(subject)
    for table in tables.own(subject):
        cls: Any = classes.get(table.name)
        if cls is None:
            continue
        try:
            with here.house.at_hospital() if side == "hospital" else here.house.at_group() as ctx:
                row = cls(**_values(table, here, study.id, here.house.hospital.id if side == "hospital" else here.house.group.id))
                ctx.db.add(row)
                ctx.db.flush()
                here.rows[table.name] = [row.id if hasattr(row, "id") else None, getattr(row, "public_id", "")]
        except (SQLAlchemyError, ValueError, TypeError) as error:
            yield Finding(
                cls.__module__, f"no row of {cls.__name__} could be made for the walk: {type(error).__name__}",
                "give columns that are not plain texts, numbers or times a default",
            )


def _side(subject: Subject) -> Side:
    return "group" if subject.trial.app.house.plugins.found[subject.name].side == "group" else "hospital"


def _values(table: sa.Table, here: Here, study: int, tenant: int) -> dict[str, Any]:
    link = here.house.link
    given: dict[str, Any] = {"tenant_id": tenant, "hospital_id": link.hospital.id, "group_id": link.group.id, "link_id": link.id}
    found: dict[str, Any] = {}
    for column in table.columns:
        target = next((fk.column.table.name for fk in column.foreign_keys if fk.column.name == "id"), "")
        if column.name in given:
            found[column.name] = given[column.name]
        elif target == "study":
            found[column.name] = study
        elif target in here.rows:
            found[column.name] = here.rows[target][0]
        elif not (column.primary_key and column.foreign_keys == set()) and column.default is None and not column.nullable:
            found[column.name] = _value(column, here.mark)
    return found


def _value(column: sa.Column[Any], mark: str) -> Any:
    try:
        kind = getattr(column.type, "impl_instance", column.type).python_type
    except NotImplementedError:
        kind = object
    number = next(numbers)
    if isinstance(column.type, OpenEnum):
        return next(iter(column.type.enum))
    if kind is str:
        return f"{mark}{number}"[: getattr(column.type, "length", None) or 200]
    made: dict[type, Any] = {
        int: number, float: float(number), bool: False, bytes: b"", dict: {"text": mark}, list: [mark], date: date(2026, 11, 26),
        datetime: datetime.fromisoformat("2026-11-26T08:00:00+00:00"),
    }
    return made.get(kind, f"{mark}{number}"[:40])


def select(subject: Subject, mine: Here, other: Here, classes: Mapping[str, type]) -> Findings:
    """Whatever a plugin selects by its classes is its tenant's: ask for everything in the stranger's ctx."""
    for name in mine.rows:
        cls: Any = classes[name]
        sides = (other.house.at_hospital, other.house.at_group)
        for at in sides if issubclass(cls, TwoPartyMixin) else sides[:1] if _side(subject) == "hospital" else sides[1:]:
            with at(write=False) as ctx:
                if mine.rows[name][0] in {getattr(row, "id", None) for row in ctx.db.scalars(sa.select(cls))}:
                    yield Finding(cls.__module__, f"rows of {cls.__name__} are read by another tenant", "derive it from TenantMixin or TwoPartyMixin")


def visit(subject: Subject, rule: Rule, mine: Here, other: Here) -> Findings:
    """The owner may look; the stranger finds neither the row nor the mark, by his own address or the owner's id."""
    access: Access = vars(subject.trial.app.view_functions[rule.endpoint])["access"]
    side: Side = "group" if access.any_of and all(c.startswith("group.") for c in access.any_of) else "hospital"
    methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    for words, method in product(_variables(subject, rule, mine, side), methods):
        if method == "GET" and _ask(subject, rule, method, mine.admin(side), words)[0] >= 500:
            yield Finding(rule.endpoint, "breaks; what is logged above says where", "answer what can be foreseen; a refusal is a DomainError")
        status, text = _ask(subject, rule, method, other.admin(side), words)
        if mine.mark in text:
            yield Finding(rule.endpoint, "shows one tenant what is another's", "read by ctx.db and the mapped classes only, and remember nothing between requests")
        elif words and status < 400:
            yield Finding(rule.endpoint, f"answers {method} with {status} for the id of another tenant's row", "find the row by ctx.db, and raise plugin_sdk.errors.NotFound where there is none")


def _variables(subject: Subject, rule: Rule, mine: Here, side: Side) -> Iterator[dict[str, Any]]:
    """The owner's ids for the variables of a rule; none when one of them names what nothing here has."""
    words: dict[str, Any] = {}
    for name, converter in rule._converters.items():
        resource = getattr(converter, "resource", "")
        if resource == "tenant":
            continue
        found = mine.ids.get(resource) or _own_id(subject, resource, mine, side)
        if not found:
            return
        words[name] = found
    yield words


def _own_id(subject: Subject, resource: str, mine: Here, side: Side) -> str:
    """The public id among the owner's rows that the resource's own finder finds."""
    dotted = subject.trial.app.house.plugins.house.by_owner[subject.name].resources.get(resource)
    for _, public_id in mine.rows.values() if dotted else ():
        with mine.house.at_hospital(write=False) if side == "hospital" else mine.house.at_group(write=False) as ctx:
            try:
                if public_id and subject.trial.app.house.resolve(str(dotted))(ctx, public_id) is not None:
                    return str(public_id)
            except NotFound:
                continue
    return ""


def _ask(subject: Subject, rule: Rule, method: str, person: TrialPerson, words: Mapping[str, Any]) -> tuple[int, str]:
    """:return: the status and the body"""
    app = subject.trial.app
    with app.test_request_context(base_url="http://localhost"):
        path = app.url_map.bind("localhost").build(rule.endpoint, {"tenant": person.tenant.code, **words}, method=method)
    answer = app.test_client().open(path, method=method, headers={"Authorization": f"Bearer {person.token}"})
    return answer.status_code, answer.get_data().decode(errors="replace")  # a file may be no text
