"""What a client accepts (PS3.18 8.7): media ranges with their type and transfer syntax, in the order of preference."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.dicomweb.refusals import NotAcceptable

_PARAMETER = re.compile(r';\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;,"]*)')
_RANGE = re.compile(r'\s*([^\s;,"]+/[^\s;,"]+)((?:\s*;[^;,"]*(?:"(?:[^"\\]|\\.)*")?)*)\s*(?:,|$)')
MOST = 4096


@dataclass(frozen=True)
class Range:
    """One entry. ``syntax`` is '' when none is named, ``*`` for any; ``media`` is that of the parts."""

    media: str
    multipart: bool
    syntax: str
    quality: float

    def takes(self, media: str) -> bool:
        return self.media in ("*/*", media) or self.media == media.partition("/")[0] + "/*"

    def takes_syntax(self, syntax: str) -> bool:
        return self.syntax in ("", "*", syntax)


def ranges(header: str, parameter: str | None = None) -> list[Range]:
    """Read an Accept header, or the ``accept`` query parameter, which wins (PS3.18 8.3.3.1).

    Quotation marks around parameters are optional here: viewers leave them out.
    """
    text = (parameter if parameter is not None else header)[:MOST] or "*/*"
    found = [_range(media.lower(), rest) for media, rest in _RANGE.findall(text)]
    return sorted((entry for entry in found if entry.quality > 0), key=lambda entry: -entry.quality)


def _range(media: str, rest: str) -> Range:
    given = {name.lower(): value.strip().strip('"') for name, value in _PARAMETER.findall(rest)}
    try:
        quality = float(given.get("q", "1"))
    except ValueError:
        quality = 0.0
    multipart = media in ("multipart/related", "multipart/*")
    parts = given.get("type", "*/*").lower() if multipart else media
    return Range(parts, multipart, given.get("transfer-syntax", ""), quality)


def one_of(accepted: Iterable[Range], offered: tuple[str, ...]) -> str:
    """Choose a media type for a single body.

    :raise NotAcceptable: none of the offered ones is accepted
    """
    for entry in accepted:
        for media in offered:
            if not entry.multipart and entry.takes(media):
                return media
    raise NotAcceptable
