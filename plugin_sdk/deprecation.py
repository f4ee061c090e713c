"""How a part of this package goes: it says so for a whole major API, to the plugin that uses it, and then it is gone."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from importlib.metadata import entry_points
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)
_said: set[tuple[str, str]] = set()


class PluginDeprecationWarning(DeprecationWarning):
    """:ivar plugin: who uses what will go"""

    def __init__(self, text: str, *, plugin: str) -> None:
        super().__init__(text)
        self.plugin = plugin


def deprecated(*, since: tuple[int, int], instead: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a function or method that plugins call. It works as before, and goes with the next major API.

    Each plugin is named once per process, in the log (for whoever runs the house) and as a warning (for its author).

    :param since: the API that made it unnecessary
    :param instead: what to use, a few words
    """

    def mark(fn: Callable[P, R]) -> Callable[P, R]:
        @wraps(fn)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            module = str(sys._getframe(1).f_globals.get("__name__", ""))
            what = f"{fn.__module__}.{fn.__qualname__}"
            if (module, what) not in _said:
                _said.add((module, what))
                plugin = plugin_of(module)
                text = f"plugin {plugin} uses {what}, deprecated since API {since[0]}.{since[1]} and gone with {since[0] + 1}.0: {instead}"
                log.warning("deprecated", extra={"plugin": plugin, "what": what, "use": instead})
                warnings.warn(PluginDeprecationWarning(text, plugin=plugin), stacklevel=2)
            return fn(*args, **kwargs)

        return call

    return mark


def plugin_of(module: str) -> str:
    """Whose module it is: the plugin with the longest package in common, else the module's own name."""
    def package(dotted: str) -> str:
        return dotted.rpartition(".")[0]

    points = [p for p in entry_points(group="telerad.plugins") if f"{module}.".startswith(f"{package(p.module)}.")]
    return max(points, key=lambda p: len(package(p.module))).name if points else module
