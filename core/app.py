"""Put the web application together. One function; everything it needs is handed in or read from the environment."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

from flask import Flask, Response, g, request

from core import config as configuration
from core import declarations, limits, models
from core import faults as named_faults
from core.accounts import settings as accounts
from core.accounts.sessions import RowSessions
from core.audit.settings import Keeping
from core.config import Config
from core.host import faults, loader
from core.host.house import Application
from core.host.ledger import Tally
from core.host.lending import Lending
from core.host.settings import Allowed
from core.intake.settings import Intake
from core.tenancy import sessions, settings
from core.web import converters, errors, gate, headers, i18n, idempotency, layout, logs, metrics, routes, step_up
from core.web.rules import LateRule
from core.work.settings import Work
from plugin_sdk import runtime
from plugin_sdk.api import Plugin
from plugin_sdk.db import db
from plugin_sdk.errors import Unsupported
from plugin_sdk.i18n import lazy as _l

log = logging.getLogger(__name__)
__all__ = ["create_app", "models", "start"]


class TeleradFlask(Flask):
    """Flask whose request is one unit of work: what the view wrote commits when it answers below 400."""

    session_interface = RowSessions()
    request_class = idempotency.DigestingRequest
    url_rule_class = LateRule
    house: Application

    def dispatch_request(self) -> Response:
        if idempotency.wanted() and (stored := idempotency.replay()) is not None:
            return stored
        response = self.make_response(super().dispatch_request())
        if (ctx := g.get("ctx")) is not None and ctx.write:
            if response.status_code < 400:
                named_faults.point("request.written")
                if idempotency.wanted():
                    response = idempotency.commit(response)
                else:
                    ctx.commit()
                named_faults.point("request.committed")
            else:
                ctx.rollback()
        return response


def start(config: Config, *, extra: tuple[type[Plugin], ...] = ()) -> Application:
    """Load plugins and bind the house, without any web part."""
    plugins = loader.load_plugins(
        declarations.core(), allowed=config.plugins, strict=config.strict_plugins, extra=extra
    )
    house = Application(config, plugins)
    settings.catalogue().add("audit", "platform", Keeping)
    settings.catalogue().add("intake", "tenant", Intake, settings.Section(title=_l("数据上传"), sides=("hospital",)))
    settings.catalogue().add("host", "platform", Allowed)
    accounts.declare()
    settings.catalogue().add("work", "platform", Work)
    for name in plugins.ready:
        for scope, dotted in plugins.found[name].settings.items():
            settings.catalogue().add(name, scope, loader.resolve(dotted))
    return house


def create_app(config: Config | None = None, *, extra: tuple[type[Plugin], ...] = ()) -> TeleradFlask:
    """Make the web application. Starts nothing: no thread, no process, no connection."""
    config = config or configuration.load()
    logs.configure(config.log)
    metrics.prepare(config)
    if config.fault:
        named_faults.arm(named_faults.read(config.fault))
    house = start(config, extra=extra)
    app = TeleradFlask("core", template_folder="templates", static_folder="static")
    app.config.update(
        SECRET_KEY=config.secret_keys[0],
        SECRET_KEY_FALLBACKS=list(config.secret_keys[1:]),
        SQLALCHEMY_DATABASE_URI=config.database_url,
        SQLALCHEMY_ENGINE_OPTIONS={"pool_pre_ping": not config.is_sqlite},
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        MAX_FORM_PARTS=limits.current().form_parts,
        MAX_FORM_MEMORY_SIZE=limits.current().body,
        MAX_CONTENT_LENGTH=limits.current().body,
        TESTING=config.testing,
    )
    if config.proxies:
        from werkzeug.middleware.proxy_fix import ProxyFix

        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.proxies, x_proto=config.proxies, x_host=config.proxies)  # type: ignore[method-assign]
    app.house = house
    house.flask = app
    db.init_app(app)
    sessions.listen()
    converters.install(app, sorted(house.plugins.house.resources))
    i18n.install(app)
    logs.install(app)
    metrics.install(app, house)
    errors.install(app)
    step_up.install(app)
    headers.install(app)
    gate.install(app, house)
    layout.install(app, house)
    runtime.bind(Lending.of(house))
    routes.register(app, house)
    gate.check_marks(app)
    house.bell.listen()
    house.plugins.guard.ledger.bind(partial(_write_tallies, app), background=not config.testing)

    @app.teardown_request
    def close(_: BaseException | None) -> None:
        if (ctx := g.pop("ctx", None)) is not None:
            ctx.close()

    @app.before_request
    def no_encoded_bodies() -> None:
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise Unsupported

    return app


def _write_tallies(app: TeleradFlask, tallies: Mapping[tuple[str, str], Tally]) -> None:
    with app.app_context():
        faults.write(app.house, tallies)
