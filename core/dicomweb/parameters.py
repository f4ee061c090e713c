"""Query parameters of QIDO-RS (PS3.18 8.3.4), read before anything is asked of the database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from core import limits
from core.access.openings import Scope
from core.dicomweb import attributes, match
from core.dicomweb.refusals import BadQuery
from core.dicomweb.scope import Level

DEEPEST = 1_000_000
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
UNSUPPORTED_FUZZY = "The fuzzymatching parameter is not supported. Only literal matching has been performed."
MORE = (
    "The number of results exceeded the maximum supported by the server. Additional results can be requested."
)


@dataclass(kw_only=True)
class Search:
    """:ivar include: tags to return besides the usual ones; :ivar everything: ``includefield=all``

    ``limit`` is never above the server's own; ``cut`` says that it is the server's limit and not the client's.
    ``few``: a value that picks studies is asked for; they are found first and sorted then.
    ``modality`` is the one modality asked for, '' when none, several or a pattern: its index serves the list then.
    """

    level: Level
    clauses: list[match.Clause] = field(default_factory=list)
    include: frozenset[str] = frozenset()
    everything: bool = False
    limit: int = field(default_factory=lambda: min(limits.current().search_rows, limits.current().page_rows))
    offset: int = 0
    cut: bool = True
    modality: str = ""
    few: bool = False
    warnings: list[str] = field(default_factory=list)


def read(args: MultiDict[str, str], *, level: Level, scope: Scope) -> Search:
    """Read the parameters of a search.

    :raise BadQuery: an unknown parameter, one given twice, or a value that cannot be read
    """
    search = Search(level=level)
    search.include, search.everything = _included(args.getlist("includefield"))
    for name in args:
        if name in ("includefield", "accept"):
            continue
        values = args.getlist(name)
        if name == "limit":
            wanted = _number(name, _one(name, values))
            most = limits.current().page_rows
            search.limit, search.cut = min(wanted, most), wanted > most
        elif name == "offset":
            search.offset = min(_number(name, _one(name, values)), DEEPEST)
        elif name == "fuzzymatching":
            if _flag(name, _one(name, values)):
                search.warnings.append(UNSUPPORTED_FUZZY)
        else:
            _add(search, scope, name, values)
    return search


def _add(search: Search, scope: Scope, name: str, values: list[str]) -> None:
    """Add one matching parameter; an empty value matches everything (PS3.4 C.2.2.2.3)."""
    if name in attributes.MODALITIES[:2]:
        if wanted := _wanted(name, ",".join(values), "CS"):
            parts = match.split(wanted)
            if scope.hidden and len(parts) == 1 and not re.search(r"[*?]", parts[0]):
                search.modality = parts[0]
            else:
                search.clauses.append(attributes.modalities(scope, wanted, name))
        return
    key = attributes.BY_NAME.get(name.upper() if _TAG.fullmatch(name) else name)
    if key is None or key.level > search.level:
        raise BadQuery(name, "unknown parameter" if key is None else "belongs to a lower level")
    value = ",".join(values) if key.vr == "UI" else _one(name, values)
    if wanted := _wanted(name, value, key.vr):
        search.clauses.append(key.by(scope, wanted, name))
        search.few = search.few or (key.picks and not re.search(r"[*?]", wanted))


def _wanted(name: str, value: str, vr: str) -> str:
    """The value to match, '' for universal matching."""
    value = value.strip().replace("\0", "")
    if vr in attributes.WILD:
        return "" if value and not value.strip("*") else value
    if re.search(r"[*?]", value):
        raise BadQuery(name, f"no wildcards in {vr}")
    return value


def _included(values: Iterable[str]) -> tuple[frozenset[str], bool]:
    """Read ``includefield``: commas or repeated, tags or keywords; what nobody knows is left out, not refused."""
    from pydicom.datadict import tag_for_keyword

    names = [name.strip() for value in values for name in value.split(",")]
    found = set()
    for name in names:
        if _TAG.fullmatch(name):
            found.add(name.upper())
        elif (tag := tag_for_keyword(name)) is not None:
            found.add(f"{tag:08X}")
    return frozenset(found), "all" in names


def _one(name: str, values: list[str]) -> str:
    if len(values) != 1:
        raise BadQuery(name, "given more than once")
    return values[0]


def _number(name: str, value: str) -> int:
    if not (re.fullmatch(r"\d{1,9}", value) and value.isascii()):
        raise BadQuery(name, "not a whole number")
    return int(value)


def _flag(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise BadQuery(name, "true or false")
    return value == "true"
