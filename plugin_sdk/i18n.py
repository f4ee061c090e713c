"""Interface strings: zh-CN is the source, gettext domains give the others.

The light half of the SDK must not import Flask, so a lazy string here asks whoever :func:`use` installed. Without a
host it stays as written, which is the zh-CN text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class LazyText(str):
    """A string translated when it is shown. Compares and hashes as its source text.

    ``str()`` and ``format()`` give the translation; templates call ``str()``.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return _translate(str.__str__(self))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __html__(self) -> str:
        return str(self).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")

    def __mod__(self, values: Any) -> str:
        return str(str(self) % values)


def _as_written(text: str) -> str:
    return text


_translate: Callable[[str], str] = _as_written


def use(translate: Callable[[str], str]) -> None:
    """Install the host's translator for lazy strings."""
    global _translate
    _translate = translate


def lazy(text: str) -> LazyText:
    """Mark a string for translation at the time it is shown."""
    return LazyText(text)


def now(text: str, /, **values: Any) -> str:
    """Translate at once; ``%(name)s`` placeholders."""
    translated = _translate(text)
    return translated % values if values else translated
