"""Whether the process is up, and whether what it stands on answers."""

from __future__ import annotations

import os

import sqlalchemy as sa
from flask import Blueprint, Response, g, jsonify
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from core.tenancy.sessions import nobody
from core.work import jobs
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
    """200 when database, queue and storage answer; otherwise 503 and which one does not.

    A broken plugin is named as ``degraded``; the house still answers.
    """
    checks = {"database": _database(), "queue": _queue(), "storage": _storage()}
    ready = all(checks.values())
    broken = sorted(g.house.plugins.broken)
    state = "not ready" if not ready else "degraded" if broken else "ready"
    return jsonify({"state": state, "broken_plugins": broken, **checks}), 200 if ready else 503


def _database() -> bool:
    try:
        with nobody() as db:
            db.execute(sa.text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _queue() -> bool:
    try:
        return bool(jobs.connect(g.house.config.redis_url).ping())
    except (RedisError, OSError):
        return False


def _storage() -> bool:
    root = g.house.config.blobs
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.access(root, os.W_OK)
