"""A demo house with a request in every state that has a page of its own, and the addresses that its links lead to."""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import APIRequestContext
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from core import config
from core.accounts import login
from core.accounts.models import Account
from core.app import TeleradFlask, create_app
from core.demo import phantom, seed
from core.demo.phantom import DemoPatient
from core.demo.seed import PEOPLE
from core.intake.command import ingest_paths
from core.lists import saved
from core.studies.lists import STUDIES
from core.studies.models import Patient
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.work import runner
from plugin_sdk.db import db as flask_db
from tests.conftest import Member
from tests.plugins.consultation.test_main_job import WORDS, step

OPERATOR = seed.OPERATOR.phone
ADMIN_H, ADMIN_G, READER, REVIEWER = "13800000003", "13800000014", "13800000011", "13800000013"
LINK = re.compile(r"""(?:href|hx-get|action)="([^"#]+)""")
SAVED_VIEW = re.compile(r"[?&]view=[0-9A-Z]{26}")
NOT_PAGES = ("/api/", "/static/", "/viewer/", "/dicom-web", "/healthz", "/readyz")
TAGS = re.compile(r"<a\b[^>]*>|<[^>]*hx-get=[^>]*>|<form\b[^>]*method=\"get\"[^>]*>")


@dataclass(frozen=True)
class Requests:
    """Ids of requests, by what their pages show."""

    confirmed: str
    approved: str
    reviewing: str
    waiting: str
    writing: str
    submitted: str


def open_house(data: str) -> TeleradFlask:
    return create_app(config.load({}, data=data, testing=True, strict_plugins="1"))


def member(app: TeleradFlask, phone: str) -> Member:
    person = next(p for p in PEOPLE if p.phone == phone)
    with app.app_context(), all_tenants() as db:
        account = db.scalars(sa.select(Account).where(Account.phone == phone)).one()
        tenant = db.scalars(sa.select(Tenant).where(Tenant.code == person.tenant)).one()
    with app.app_context():
        token = login.make_token(account.id, tenant.id, days=1)
    return Member(app, account, tenant, person.role, token)


def furnish(data: Path) -> Requests:
    """Furnish a demo house that nobody started yet: six studies, six requests of different states."""
    app = open_house(str(data))
    studies = [s["id"] for s in member(app, "13800000002").call("GET", "/studies").get_json()["items"]]
    add_study(app)
    doctor, reader, reviewer = member(app, "13800000002"), member(app, READER), member(app, REVIEWER)
    asked = []
    for n, study in enumerate(studies):
        body = {"study_id": study, "group": "GDEMO", "parts": [{"name": "演示部位", "count": 1}],
                "urgency": "urgent" if n % 2 else "normal", "purpose": "演示目的"}
        asked.append(doctor.call("POST", "/requests", body).get_json())
    made = Requests(*(r["id"] for r in asked))
    for request in asked[:5]:
        step(reader, request, "accept")
        step(reader, request, "open")
    assert reader.call("PUT", f"/requests/{made.writing}/draft", {"rev": 0, **WORDS}).status_code == 200
    for request in asked[:4]:
        step(reader, request, "send_to_review", **WORDS)
    for request in asked[:3]:
        step(reviewer, request, "start_review")
    for request in asked[:2]:
        step(reviewer, request, "approve")
    sealed = doctor.call("GET", f"/requests/{made.confirmed}").get_json()["report"]["sha256"]
    step(doctor, asked[0], "confirm", sha256=sealed)
    with app.app_context():
        runner.drain(app.house)
    _small_things(app)
    with app.app_context():
        flask_db.engine.dispose()
    return made


def _small_things(app: TeleradFlask) -> None:
    """What gives some dialogs their links: a phone in the images, a view that somebody saved."""
    with app.app_context(), all_tenants(write=True) as db:
        for patient in db.scalars(sa.select(Patient)):
            patient.phone = "13812340000"
    with app.test_request_context("/t/HDEMO/"):
        ctx = member(app, ADMIN_H).ctx()
        saved.save(ctx, STUDIES, name="CT", query="modality=CT", counted=True)
        ctx.commit()
        ctx.close()


def add_study(app: TeleradFlask) -> None:
    """One more study, for which nobody asked yet."""
    patient = DemoPatient("演示庚", "DEMO0007", "F", date(1970, 1, 2))
    with tempfile.TemporaryDirectory() as folder, app.app_context():
        phantom.head_ct(Path(folder), patient=patient, at=datetime(2026, 11, 25, 8, 0), seed=77, slices=4)
        list(ingest_paths(app.house, "HDEMO", [Path(folder)]))


@dataclass(frozen=True)
class Found:
    """One address of a page: its endpoint and the words of its path that choose what it shows."""

    endpoint: str
    words: tuple[str, ...]
    path: str


def crawl(app: Flask, ask: APIRequestContext, base: str, starts: list[str]) -> Iterator[Found]:
    """Follow every link of every page once per endpoint and word; pages are what answers HTML to a GET."""
    adapter, seen, queue = app.url_map.bind("127.0.0.1"), set[tuple[str, tuple[str, ...]]](), list(starts)
    while queue:
        path = queue.pop(0)
        place = place_of(adapter, path)
        if place is None or place in seen or any(part in path for part in NOT_PAGES):
            continue
        seen.add(place)
        answer = ask.get(base + path)
        if "text/html" not in answer.headers.get("content-type", "") or answer.status == 404:
            continue
        assert answer.status == 200, (path, answer.status)
        body = answer.text()
        if "<html" in body:
            yield Found(*place, path)
        for tag in TAGS.findall(body):
            for link in LINK.findall(tag):
                there = urlsplit(urljoin(base + path, html.unescape(link)))
                if there.netloc == urlsplit(base).netloc:
                    queue.append(there.path + (f"?{there.query}" if there.query else ""))


def place_of(adapter: object, path: str) -> tuple[str, tuple[str, ...]] | None:
    try:
        endpoint, values = adapter.match(urlsplit(path).path, method="GET")  # type: ignore[attr-defined]
    except (HTTPException, RequestRedirect):
        return None
    saved_view = ("saved view",) if SAVED_VIEW.search(path) else ()
    return endpoint, (*(str(v) for k, v in sorted(values.items()) if k in ("tab", "event", "how")), *saved_view)
