"""Register blueprints below their scope's prefix. A plugin whose routes break a rule is left out, not the house."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, send_from_directory

from core.host import loader
from core.host.registry import BlueprintSpec
from core.web import converters
from core.web.rules import LateRule
from plugin_sdk.web import Access

if TYPE_CHECKING:
    from core.host.house import Application

PREFIXES = {"tenant": "/t/<tenant:tenant>", "api": "/api/v1/t/<tenant:tenant>", "platform": "/admin"}
MARKS = {
    "tenant": {"requires"}, "api": {"requires", "image"}, "platform": {"operator"}, "account": {"signed_in"},
    "node": {"node"}, "public": {"public", "guest", "signed_in", "image"},
}


class RouteError(ValueError):
    """A plugin's view is not allowed as it stands."""


def register(app: Flask, house: Application) -> None:
    """Register every declared blueprint; a plugin's one answers only where it is on.

    Whoever is not bundled lives below ``x/<plugin>`` in every scope, his static files below ``/static/x/<plugin>``.
    """
    plugins = house.plugins
    for owner, declared in list(plugins.house.by_owner.items()):
        if owner != "core":
            try:
                _rehearse(app, house, declared.blueprints)
            except Exception as error:  # foreign code: the plugin is left out
                plugins.leave_out(owner, "routes", error)
                continue
        for spec in declared.blueprints:
            blueprint: Blueprint = loader.resolve(spec.dotted)
            house.blueprint_owner[blueprint.name] = None if owner == "core" else spec
            app.register_blueprint(blueprint, url_prefix=_prefix(spec, blueprint))
        if owner != "core":
            _static(app, house, owner)


def _prefix(spec: BlueprintSpec, blueprint: Blueprint) -> str:
    own = "" if _bundled(spec) else f"/x/{spec.plugin}"
    return PREFIXES.get(spec.scope, "") + own + (blueprint.url_prefix or "")


def _bundled(spec: BlueprintSpec) -> bool:
    return spec.plugin == "core" or spec.dotted.startswith("plugins.")


def _rehearse(app: Flask, house: Application, specs: list[BlueprintSpec]) -> None:
    """Register a plugin's blueprints on an application of their own and look at what came of it.

    :raise RouteError: no mark, a mark that its scope does not know, an unknown permission, or a taken name
    """
    scratch = Flask("rehearsal", static_folder=None)
    scratch.url_rule_class = LateRule
    converters.install(scratch, sorted(house.plugins.house.resources))
    codes = {p.code for p in house.plugins.house.permissions}
    for spec in specs:
        blueprint: Any = loader.resolve(spec.dotted)
        if not isinstance(blueprint, Blueprint):
            raise RouteError(f"{spec.dotted} is no blueprint")
        if blueprint.name in app.blueprints:
            raise RouteError(f"blueprint {blueprint.name} is taken")
        known = set(scratch.view_functions)
        scratch.register_blueprint(blueprint, url_prefix=_prefix(spec, blueprint))
        for endpoint in set(scratch.view_functions) - known:
            _check(scratch.view_functions[endpoint], endpoint, spec, codes)


def _check(view: Any, endpoint: str, spec: BlueprintSpec, codes: set[str]) -> None:
    access = getattr(view, "access", None)
    if not isinstance(access, Access):
        raise RouteError(f"{endpoint} has no access mark")
    if _bundled(spec):
        return
    if access.kind not in MARKS.get(spec.scope, ()):
        raise RouteError(f"{endpoint}: {access.kind} in scope {spec.scope}")
    if access.kind == "requires" and (unknown := set(access.any_of) - codes):
        raise RouteError(f"{endpoint}: nobody declared {', '.join(sorted(unknown))}")


def _static(app: Flask, house: Application, name: str) -> None:
    """Files of a plugin from outside, by ``url_for("static_<plugin>", filename=...)``."""
    module = type(house.plugins.found[name]).__module__
    folder = Path(str(sys.modules[module].__file__)).parent / "static"
    if loader.bundled(house.plugins.found[name]) or not folder.is_dir():
        return

    def serve(filename: str) -> Any:
        return send_from_directory(folder, filename)

    vars(serve)["access"] = Access("public")
    vars(serve)["passive"] = True
    app.add_url_rule(f"/static/x/{name}/<path:filename>", endpoint=f"static_{name}", view_func=serve)


