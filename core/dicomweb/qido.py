"""QIDO-RS (PS3.18 10.6): one page of studies, series or instances, in a fixed number of statements."""

from __future__ import annotations

from typing import Any

from core.access.openings import Scope
from core.dicomweb import answers, queries
from core.dicomweb.parameters import MORE, Search
from core.dicomweb.scope import Level
from plugin_sdk.errors import NotFound


def search(
    scope: Scope, wanted: Search, root: str, *, study_uid: str | None = None, series_uid: str | None = None
) -> list[answers.Json]:
    """Answer a search. Adds a warning to ``wanted`` when the server's own limit cut the answer.

    :param root: URL of the DICOMweb root, for RetrieveURL
    :raise NotFound: the study or series named in the path is not shown
    """
    rows = queries.search(scope, wanted, study_uid=study_uid, series_uid=series_uid)
    if not rows and study_uid is not None and not queries.exists(scope, study_uid, series_uid):
        raise NotFound
    if len(rows) > wanted.limit:
        rows = rows[: wanted.limit]
        if wanted.cut:
            wanted.warnings.append(MORE)
    above = wanted.level == Level.STUDY or study_uid is None
    counted = queries.counts(scope, {row.study_id for row in rows}) if rows and above else {}
    headers = _headers(scope, wanted, rows)
    return [_answer(row, wanted, root, above, series_uid is None, counted, headers) for row in rows]


def _headers(scope: Scope, wanted: Search, rows: Any) -> dict[int, answers.Json]:
    if wanted.level < Level.INSTANCE or not rows:
        return {}
    packed = queries.headers(scope, [row.instance_id for row in rows])
    return {key: answers.unpacked(gz) for key, gz in packed.items()}


def _answer(
    row: Any, wanted: Search, root: str, above: bool, with_series: bool, counted: Any, headers: dict[int, answers.Json]
) -> answers.Json:
    """Attributes of the level, and of the levels above it that the path does not name (PS3.18 10.6.3.3)."""
    found: answers.Json = {}
    if above:
        found.update(answers.study(row, counted.get(row.study_id, answers.NO_COUNTS), root))
    if wanted.level == Level.SERIES or (wanted.level == Level.INSTANCE and with_series):
        found.update(answers.series(row, root))
    found = answers.trimmed(found, wanted.level, wanted.include, wanted.everything)
    if wanted.level == Level.INSTANCE:
        header = headers.get(row.instance_id, {})
        asked = header if wanted.everything else {tag: header[tag] for tag in wanted.include & header.keys()}
        found = {**asked, **found, **answers.instance(row, header, root)}
    return dict(sorted(found.items()))
