"""Whether the process is up, and whether what it stands on answers."""

from __future__ import annotations

import os

import sqlalchemy as sa
from flask import Blueprint, Response, g, jsonify
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from core.host import faults
from core.tenancy.sessions import nobody
from core.work import jobs
from plugin_sdk.errors import StorageFull
from plugin_sdk.web import passive, public

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
@passive
def healthz() -> Response:
    return jsonify({"state": "up"})


@bp.get("/readyz")
@public
@passive
def readyz() -> tuple[Response, int]:
    """200 when database, queue and storage answer; otherwise 503 and which ones do not (``missing``).

    ``degraded`` says what is not as it should be while the house still answers: plugins that did not start or fail often,
    a disk that is too full to receive.
    """
    checks = {"database": _database(), "queue": _queue(), "storage": _storage()}
    missing = [name for name, answers in checks.items() if not answers]
    broken = sorted(g.house.plugins.broken)
    tired = sorted(_tired() - set(broken)) if checks["database"] else []
    degraded = [
        *(f"plugin {name} did not start" for name in broken), *(f"plugin {name} failed often lately" for name in tired),
        *(["storage full"] if checks["storage"] and _full() else []),
    ]
    state = "not ready" if missing else "degraded" if degraded else "ready"
    said = {"state": state, "missing": missing, "degraded": degraded, "broken_plugins": broken, "degraded_plugins": tired, **checks}
    return jsonify(said), 503 if missing else 200


def _database() -> bool:
    try:
        with nobody() as db:
            db.execute(sa.text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _tired() -> frozenset[str]:
    try:
        with nobody() as db:
            return faults.degraded(db)
    except SQLAlchemyError:
        return frozenset()


def _queue() -> bool:
    try:
        return bool(jobs.connect(g.house.config.redis_url).ping())
    except (RedisError, OSError):
        return False


def _storage() -> bool:
    root = g.house.config.blobs
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return False
    return os.access(root, os.W_OK | os.X_OK)


def _full() -> bool:
    try:
        g.house.blobs.check_room()
    except StorageFull:
        return True
    return False
