"""Languages: zh-CN is the source text, English a complete catalogue, one gettext domain per owner."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from flask import Flask, current_app, has_request_context, session
from flask_babel import Babel, get_domain, get_locale

from core.host.loader import bundled
from plugin_sdk import i18n

LANGUAGES = {"zh_CN": "简体中文", "en": "English"}


def install(app: Flask) -> None:
    """Set Flask-Babel up over core's and every ready plugin's catalogue.

    Of two words for one text the last catalogue's is shown: core's, then bundled plugins', then what somebody else wrote.
    """
    folders, domains = [], []
    for owner, module in [*reversed(_plugin_modules(app)), ("core", "core.app")]:
        folder = Path(str(import_module(module).__file__)).parent / "translations"
        if folder.is_dir():
            folders.append(str(folder))
            domains.append(owner)
    app.config.update(
        BABEL_DEFAULT_LOCALE="zh_CN",
        BABEL_TRANSLATION_DIRECTORIES=";".join(folders),
        BABEL_DOMAIN=";".join(domains),
    )
    Babel(app, locale_selector=_locale)
    i18n.use(_translate)


def language() -> str:
    return "en" if has_request_context() and str(get_locale()) == "en" else "zh_CN"


def _plugin_modules(app: Flask) -> list[tuple[str, str]]:
    """Each ready plugin and the module of its class, bundled ones first; its translations lie beside it."""
    plugins = app.house.plugins  # type: ignore[attr-defined]
    names = sorted(plugins.ready, key=lambda n: not bundled(plugins.found[n]))
    return [(n, type(plugins.found[n]).__module__) for n in names]


def _locale() -> str:
    chosen = session.get("language")
    return chosen if chosen in LANGUAGES else "zh_CN"


def _translate(text: str) -> str:
    if not text or not has_request_context() or "babel" not in current_app.extensions:
        return text
    return str(get_domain().get_translations().gettext(text))
