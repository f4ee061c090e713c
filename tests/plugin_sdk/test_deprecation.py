"""What will go says so to the plugin that uses it, once; and plugins of an older API start as before."""

from __future__ import annotations

import logging
import warnings
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from core.host import loader
from core.host.loader import Plugins
from plugin_sdk import deprecation
from plugin_sdk.api import API_VERSION, Plugin
from plugin_sdk.deprecation import PluginDeprecationWarning, deprecated


@deprecated(since=(1, 1), instead="use ctx.now()")
def old_clock(hours: int) -> int:
    """The time that nobody wants any more."""
    return hours


def call_from(module: str) -> int:
    """Call it as code of a module would."""
    found: dict[str, Any] = {"__name__": module, "old_clock": old_clock}
    caller = type(call_from)((lambda: old_clock(3)).__code__, found)
    return int(caller())


@pytest.fixture(autouse=True)
def _nothing_said() -> None:
    deprecation._said.clear()


@pytest.mark.parametrize(
    ("module", "plugin"),
    [("plugins.viewer.views", "viewer"), ("plugins.consultation.requests.views", "consultation"), ("somebody.views", "somebody.views")],
)
def test_the_plugin_that_uses_it_is_named_to_its_author_and_in_the_log(module: str, plugin: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="plugin_sdk.deprecation"), pytest.warns(PluginDeprecationWarning) as told:
        assert call_from(module) == 3
    (warning,) = told
    assert isinstance(warning.message, PluginDeprecationWarning) and warning.message.plugin == plugin
    assert str(warning.message).startswith(f"plugin {plugin} uses ") and "gone with 2.0: use ctx.now()" in str(warning.message)
    assert [r.plugin for r in caplog.records] == [plugin]  # type: ignore[attr-defined]


def test_it_is_said_once_for_each_module_that_uses_it() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for module in ("plugins.viewer.views", "plugins.viewer.views", "plugins.consultation.jobs"):
            call_from(module)
    assert len(told) == 2


def test_what_is_marked_keeps_its_name_and_its_words() -> None:
    assert (old_clock.__name__, old_clock.__doc__) == ("old_clock", "The time that nobody wants any more.")


class Older(Plugin):
    """Written against the first API."""

    name, api = "older", (1, 0)


class Newer(Plugin):
    name, api = "newer", (API_VERSION[0], API_VERSION[1] + 1)


class Next(Plugin):
    name, api = "next_one", (API_VERSION[0] + 1, 0)


@pytest.mark.parametrize("cls", [Older, Newer, Next])
def test_a_plugin_of_an_older_api_starts_and_one_that_wants_more_is_refused_with_both_numbers(cls: type[Plugin]) -> None:
    plugins = Plugins()
    loader._load(plugins, EntryPoint(name=cls.name, value=f"{__name__}:{cls.__name__}", group=loader.GROUP))
    if cls is Older:
        assert cls.name in plugins.found and plugins.broken == {}
    else:
        assert f"needs plugin API {cls.api}, this is {API_VERSION}" in plugins.broken[cls.name]
