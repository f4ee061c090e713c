"""Names and labels of what a plugin declared: they share one house with those of everybody else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from jinja2 import TemplateError

from core.host.registry import Declarations
from core.tenancy.permissions import ROLE_NAMES
from core.trial.check import Finding, Findings, Subject
from core.trial.texts import CHINESE
from plugin_sdk.i18n import LazyText


def check(subject: Subject) -> Findings:
    found = subject.trial.app.house.plugins.house.by_owner[subject.name]
    yield from prefixes(subject, found)
    yield from rights(subject, found)
    yield from endpoints(subject, found)
    yield from templates(subject, found)
    yield from labels(subject, found)
    yield from settings(subject)


def prefixes(subject: Subject, found: Declarations) -> Findings:
    """Begin with the plugin's name: ``<plugin>.`` where a name has dots, ``<plugin>`` or ``<plugin>_`` where it has none."""
    for what, name in _named(subject, found):
        mine = name.split(".")[0] == subject.name if "." in name else (name == subject.name or name.startswith(f"{subject.name}_"))
        if not mine:
            good = f"{subject.name}.{name.rpartition('.')[2]}" if what not in ("resource", "blueprint", "menu entry") else f"{subject.name}_{name}"
            yield Finding(subject.manifest, f"{what} {name!r} does not begin with the plugin's name", f"call it {good!r}")
    for permission in found.permissions:
        side, resource, action = permission.code.split(".")
        if resource != subject.name and not resource.startswith(f"{subject.name}_"):
            yield Finding(
                subject.manifest, f"permission {permission.code!r} does not begin with the plugin's name after its side",
                f"call it '{side}.{subject.name}.{action}'",
            )


def _named(subject: Subject, found: Declarations) -> Iterator[tuple[str, str]]:
    resolve = subject.trial.app.house.resolve
    yield from (("job", j.name) for j in found.jobs)
    yield from (("audit kind", code) for code in found.audit_kinds)
    yield from (("notice kind", n.code) for n in found.notice_kinds)
    yield from (("channel", c.name) for c in found.channels)
    yield from (("resource", name) for name in found.resources)
    yield from (("blueprint", resolve(b.dotted).name) for b in found.blueprints)
    yield from (("list", resolve(dotted).name) for dotted in found.listings)
    yield from (("menu entry", m.key) for m in found.menus)
    yield from (("marker", key) for _, key, _ in found.badge_loaders)
    for what, parts in (("column", found.columns), ("row action", found.row_actions)):
        for _, part in parts:
            made = _made(subject, part)
            if made is not None:
                yield what, made.key


def _made(subject: Subject, part: Any) -> Any:
    """A column or action, made where a dotted name stands for the function that makes it."""
    return subject.trial.app.house.resolve(part)() if isinstance(part, str) else part


def rights(subject: Subject, found: Declarations) -> Findings:
    for permission in found.permissions:
        for role in sorted(permission.roles - ROLE_NAMES.get(permission.side, {}).keys()):
            yield Finding(
                subject.manifest, f"permission {permission.code!r} is given to the role {role!r}, which a {permission.side} does not have",
                f"take one of {', '.join(ROLE_NAMES.get(permission.side, {}))}",
            )


def endpoints(subject: Subject, found: Declarations) -> Findings:
    """A menu entry that leads nowhere breaks every page of the tenant."""
    app = subject.trial.app
    codes = {p.code for p in app.house.plugins.house.permissions}
    for what, name, endpoint in (
        *(("menu entry", m.key, m.endpoint) for m in found.menus), *(("notice kind", n.code, n.endpoint) for n in found.notice_kinds),
        *(("list", spec.name, spec.endpoint) for spec in map(app.house.resolve, found.listings)),
    ):
        if endpoint not in app.view_functions:
            yield Finding(subject.manifest, f"{what} {name!r} leads to {endpoint!r}, which is no view", "write blueprint.function of a view")
    for entry in found.menus:
        if entry.code not in codes:
            yield Finding(subject.manifest, f"menu entry {entry.key!r} asks for {entry.code!r}, which nobody declared", "declare it with reg.permission")


def templates(subject: Subject, found: Declarations) -> Findings:
    """All templates of the house share one space of names."""
    home = subject.package.home(subject.name)
    for path in sorted(home.rglob("templates/**/*.html")):
        inside = path.relative_to(next(p for p in path.parents if p.name == "templates"))
        if inside.parts[0] != subject.name:
            yield Finding(subject.package.shown(path), "may hide a template of the same name", f"move it below templates/{subject.name}/")
            continue
        try:
            subject.trial.app.jinja_env.get_template(str(inside))
        except TemplateError as error:
            yield Finding(
                subject.package.shown(path), f"cannot be read: {type(error).__name__}: {error}",
                'mend it; a blueprint with template_folder="templates" is what makes templates found',
            )


def labels(subject: Subject, found: Declarations) -> Findings:
    """A label is looked up when it is shown; translated at start it would speak one language to everybody."""
    plugin = subject.trial.app.house.plugins.found[subject.name]
    yield from _label(subject, "title", type(plugin).title)
    for what, name, label in (
        *(("permission", p.code, p.title) for p in found.permissions), *(("menu entry", m.key, m.title) for m in found.menus),
        *(("notice kind", n.code, n.title) for n in found.notice_kinds), *(("audit kind", k, v) for k, v in found.audit_kinds.items()),
    ):
        yield from _label(subject, f"{what} {name!r}", label)
    for spec in map(subject.trial.app.house.resolve, found.listings):
        for part in (spec, *spec.columns, *spec.filters, *spec.actions, *spec.many, *spec.views):
            yield from _label(subject, f"list {spec.name!r}", getattr(part, "title", None) or getattr(part, "label", ""))


def _label(subject: Subject, what: str, label: object) -> Findings:
    chinese = isinstance(label, str) and any(low <= c <= high for c in str.__str__(label) for low, high in CHINESE)
    if chinese and not isinstance(label, LazyText):
        yield Finding(subject.manifest, f"{what} has the label “{label}”, which is not translated when it is shown", "write _l(...), plugin_sdk.i18n.lazy")


def settings(subject: Subject) -> Findings:
    for scope, dotted in type(subject.trial.app.house.plugins.found[subject.name]).settings.items():
        of: Any = subject.trial.app.house.resolve(dotted)
        if not dataclasses.is_dataclass(of) or not getattr(of, "__dataclass_params__").frozen:  # noqa: B009  typeshed does not know it
            yield Finding(subject.manifest, f"settings of scope {scope}: {dotted} is no frozen dataclass", "write @dataclass(frozen=True)")
            continue
        for one in dataclasses.fields(of):
            if "help" not in one.metadata:
                yield Finding(dotted, f"setting {one.name!r} says nothing about itself", "write it with plugin_sdk.settings.setting(default, help)")
