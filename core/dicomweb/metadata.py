"""WADO-RS metadata (PS3.18 10.4.1.1.5): headers without bulk, ready to send per series."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence

from core.access.openings import Scope
from core.dicomweb import answers, queries
from core.dicomweb.bulk import with_addresses
from core.dicomweb.queries import SeriesRef
from plugin_sdk.errors import NotFound

LEVEL = 6


def of_series(scope: Scope, study_uid: str, series_uid: str) -> bytes:
    """Gzipped JSON array of a series' instances. :raise NotFound: not shown"""
    found = queries.series(scope, study_uid, series_uid)
    if not found:
        raise NotFound
    return _packed(scope, found[0])


def of_study(scope: Scope, study_uid: str) -> bytes:
    """Gzipped JSON array of all instances of a study. :raise NotFound: not shown"""
    found = queries.series(scope, study_uid)
    if not found and not queries.exists(scope, study_uid):
        raise NotFound
    bodies = [gzip.decompress(_packed(scope, series))[1:-1] for series in found]
    return gzip.compress(b"[" + b",".join(body for body in bodies if body) + b"]", 1, mtime=0)


def of_instance(scope: Scope, study_uid: str, series_uid: str, sop_uid: str) -> bytes:
    """Gzipped JSON array of one instance. :raise NotFound: not shown"""
    found = queries.objects(scope, study_uid, series_uid, sop_uid)
    if not found:
        raise NotFound
    header = queries.headers(scope, [found[0].id]).get(found[0].id)
    if header is None:
        raise NotFound
    return _array([header])


def _packed(scope: Scope, series: SeriesRef) -> bytes:
    """Stored metadata, or made anew and stored for the next reader."""
    if series.gz is not None:
        return series.gz
    version, headers = queries.series_headers(scope, series.id)
    gz = _array(headers)
    queries.keep_metadata(scope, series.id, version, gz)
    return gz


def _array(headers: Sequence[bytes]) -> bytes:
    items = (json.dumps(with_addresses(answers.unpacked(gz)), ensure_ascii=False, separators=(",", ":"))
             for gz in headers)
    return gzip.compress(("[" + ",".join(items) + "]").encode("utf-8", "replace"), LEVEL, mtime=0)
