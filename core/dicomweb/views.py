"""DICOMweb's addresses, each below both roots: a hospital's own studies, and one opening (read only)."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from itertools import chain
from typing import Any, TypeVar

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from core.access.openings import Scope
from core.audit.looks import Who
from core.dicomweb import accept, bulk, metadata, parameters, pictures, pixels, qido, queries, retrieve
from core.dicomweb.multipart import Part, related
from core.dicomweb.queries import StoredObject
from core.dicomweb.refusals import NotAcceptable
from core.dicomweb.scope import Level, scope_now
from plugin_sdk.errors import NotFound
from plugin_sdk.web import image

bp = Blueprint("dicomweb", __name__)
ROOTS = ("/t/<tenant:tenant>/dicom-web", "/g/<access:access>/dicom-web")
JSON = ("application/dicom+json", "application/json")
STUDY = "/studies/<study_uid:study>"
SERIES = STUDY + "/series/<series_uid:series>"
INSTANCE = SERIES + "/instances/<sop_uid:sop>"
V = TypeVar("V", bound=Callable[..., ResponseReturnValue])


def get(*paths: str) -> Callable[[V], V]:
    """Put a view below both roots. ``access`` is None on the first."""

    def put(view: V) -> V:
        marked = image(view)
        for path in paths:
            for root in ROOTS:
                bp.get(root + path)(marked)
        return marked

    return put


@get("/studies")
def studies(access: str | None = None) -> ResponseReturnValue:
    return _search(access, Level.STUDY)


@get("/series", STUDY + "/series")
def series(access: str | None = None, study: str | None = None) -> ResponseReturnValue:
    return _search(access, Level.SERIES, study)


@get("/instances", STUDY + "/instances", SERIES + "/instances")
def instances(access: str | None = None, study: str | None = None, series: str | None = None) -> ResponseReturnValue:
    return _search(access, Level.INSTANCE, study, series)


@get(STUDY + "/metadata")
def study_metadata(study: str, access: str | None = None) -> ResponseReturnValue:
    return _metadata(metadata.of_study(scope_now(access), study))


@get(SERIES + "/metadata")
def series_metadata(study: str, series: str, access: str | None = None) -> ResponseReturnValue:
    return _metadata(metadata.of_series(scope_now(access), study, series))


@get(INSTANCE + "/metadata")
def instance_metadata(study: str, series: str, sop: str, access: str | None = None) -> ResponseReturnValue:
    return _metadata(metadata.of_instance(scope_now(access), study, series, sop))


@get(STUDY)
def study(study: str, access: str | None = None) -> ResponseReturnValue:
    return _objects(_shown(scope_now(access), study))


@get(SERIES)
def one_series(study: str, series: str, access: str | None = None) -> ResponseReturnValue:
    return _objects(_shown(scope_now(access), study, series))


@get(INSTANCE)
def instance(study: str, series: str, sop: str, access: str | None = None) -> ResponseReturnValue:
    return _objects(_shown(scope_now(access), study, series, sop), single=True)


@get(INSTANCE + "/frames/<frames:numbers>")
def frames(study: str, series: str, sop: str, numbers: list[int], access: str | None = None) -> ResponseReturnValue:
    item = _shown(scope_now(access), study, series, sop)[0]
    choice = retrieve.choose_frames(_accepted(), item, len(numbers))
    tag = _tag(item, choice.content_type, choice.multipart, numbers)
    if (same := _unchanged(tag)) is not None:
        return same
    found = retrieve.frames(g.house.blobs, item, numbers, choice)
    if choice.multipart:
        response = related((Part(choice.content_type, [frame]) for frame in found), choice.media)
    else:
        response = Response(found[0], content_type=choice.content_type)
    return _private(response, tag)


@get(INSTANCE + "/bulkdata/<string(length=8):tag>")
def bulkdata(study: str, series: str, sop: str, tag: str, access: str | None = None) -> ResponseReturnValue:
    item = _shown(scope_now(access), study, series, sop)[0]
    body = bulk.value(pixels.path(g.house.blobs, item), tag.upper())
    etag = _tag(item, "bulkdata", tag.upper())
    if (same := _unchanged(etag)) is not None:
        return same
    for entry in _accepted():
        if entry.takes(retrieve.OCTETS):
            if entry.multipart:
                return _private(related([Part(retrieve.OCTETS, [body])], retrieve.OCTETS), etag)
            response = Response(body, content_type=retrieve.OCTETS)
            response.headers["Content-Disposition"] = "attachment"
            return _private(response, etag)
    raise NotAcceptable


@get(INSTANCE + "/rendered")
def rendered(study: str, series: str, sop: str, access: str | None = None) -> ResponseReturnValue:
    return _picture(_shown(scope_now(access), study, series, sop)[0], 1, pictures.read(request.args))


@get(INSTANCE + "/frames/<frames:numbers>/rendered")
def rendered_frame(
    study: str, series: str, sop: str, numbers: list[int], access: str | None = None
) -> ResponseReturnValue:
    item = _shown(scope_now(access), study, series, sop)[0]
    if len(numbers) != 1:
        raise NotAcceptable
    return _picture(item, numbers[0], pictures.read(request.args))


@get(STUDY + "/thumbnail", SERIES + "/thumbnail", INSTANCE + "/thumbnail")
def thumbnail(
    study: str, series: str | None = None, sop: str | None = None, access: str | None = None
) -> ResponseReturnValue:
    item, frame = pictures.middle(_shown(scope_now(access), study, series, sop))
    box = pictures.read(request.args).box or (pictures.THUMBNAIL, pictures.THUMBNAIL)
    return _picture(item, frame, pictures.Look(box=box))


def _search(
    access: str | None, level: Level, study: str | None = None, series: str | None = None
) -> ResponseReturnValue:
    scope = scope_now(access)
    media = accept.one_of(_accepted(), JSON)
    wanted = parameters.read(request.args, level=level, scope=scope)
    found = qido.search(scope, wanted, _root(), study_uid=study, series_uid=series)
    response = Response(json.dumps(found, ensure_ascii=False, separators=(",", ":")), content_type=media)
    for warning in wanted.warnings:
        response.headers.add("Warning", f'299 telerad "{warning}"')
    return response


def _metadata(gz: bytes) -> ResponseReturnValue:
    """Send packed metadata, unpacked only for a client that cannot."""
    media = accept.one_of(_accepted(), JSON)
    packed = request.accept_encodings.quality("gzip") > 0
    tag = hashlib.sha256(gz).hexdigest()[:32] + ("-gz" if packed else "")
    if (same := _unchanged(tag)) is not None:
        return same
    response = Response(gz if packed else gzip.decompress(gz), content_type=media)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    return _private(response, tag)


def _objects(items: list[StoredObject], *, single: bool = False) -> ResponseReturnValue:
    how, multipart = retrieve.choose_objects(_accepted(), single=single)
    parts = retrieve.parts(g.house.blobs, items, how, _root())
    part = next(parts)
    if multipart:
        return _private(related(chain([part], parts), retrieve.DICOM), None)
    response = Response(part.body, content_type=part.content_type)
    response.headers["Content-Disposition"] = f"attachment; filename={items[0].sop_uid}.dcm"
    return _private(response, None)


def _picture(item: StoredObject, frame: int, look: pictures.Look) -> ResponseReturnValue:
    media = accept.one_of(_accepted(), pictures.MEDIA)
    tag = _tag(item, media, frame, look)
    if (same := _unchanged(tag)) is not None:
        return same
    body = pictures.draw(pixels.path(g.house.blobs, item), item, frame, look, media)
    return _private(Response(body, content_type=media), tag)


def _shown(scope: Scope, study: str, series: str | None = None, sop: str | None = None) -> list[StoredObject]:
    """Shown instances below a path. :raise NotFound: none: unknown, hidden and somebody else's are one answer"""
    found = list(queries.objects(scope, study, series, sop))
    if not found:
        raise NotFound
    who = Who(scope.tenant_id, g.principal.account.id, scope.owner_tenant, study)
    g.house.looks.saw(who, {item.series_uid for item in found}, len(found))
    return found


def _accepted() -> list[accept.Range]:
    return accept.ranges(request.headers.get("Accept", ""), request.args.get("accept"))


def _root() -> str:
    """URL of this DICOMweb root, as the client wrote it."""
    before, _, _ = request.base_url.partition("/dicom-web")
    return f"{before}/dicom-web"


def _tag(item: StoredObject, *what: Any) -> str:
    return hashlib.sha256(repr((item.tenant_id, item.id, item.sha256, what)).encode()).hexdigest()[:32]


def _unchanged(tag: str) -> Response | None:
    """304 for a client that has this already. Asked only after the scope was: nothing outlives a revoked grant."""
    return _private(Response(status=304), tag) if request.if_none_match.contains_weak(tag) else None


def _private(response: Response, tag: str | None) -> Response:
    """Let the browser keep it, and ask each time: ``no-cache`` is asking, not forgetting."""
    response.headers["Cache-Control"] = "private, no-cache" if tag else "no-store"
    response.headers["Vary"] = "Accept, Accept-Encoding, Authorization, Cookie"
    if tag:
        response.set_etag(tag)
    return response
