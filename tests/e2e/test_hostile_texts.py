"""Hostile texts in every string that people or machines can put in: each page stays what it is, in a real browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pydicom
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Error, Page
from pydicom import config as pydicom_config
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from core.app import TeleradFlask
from core.tenancy.sessions import all_tenants
from plugin_sdk.db import metadata
from tests.conftest import Member, World
from tests.contract import stage as contract
from tests.e2e.desk import CHROMIUM
from tests.e2e.payloads import PAYLOADS
from tests.e2e.stage import crawl
from tests.e2e.test_workspace_browser import Server

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
MACHINE = frozenset(
    ["public_id", "uid", "sop_uid", "study_public_id", "file_id", "phone", "gender", "platform_role", "code", "kind", "number", "zone", "state", "status", "outcome", "reason", "sex", "study_at", "series_at", "work_rank", "origin", "template_ref", "side", "before", "after", "chain", "ref", "path", "media", "principal", "tail", "profile", "grantee_kind", "reason_ref", "charset", "secret_hash", "sha256", "key_hash", "data_sha256", "sop_class", "transfer_syntax", "ae", "category"]
)
"""Columns of words that only our code writes. ``reason`` is text in ``consultation_entry`` and comes in by the API."""
WORKINGS = frozenset(
    ["setting", "job", "delivery", "outbox", "core_timer", "idempotency", "list_columns", "credential", "api_token", "remember", "audit_head", "blob", "study_access"]
)
"""Tables that hold only such words."""
SIGNED = frozenset({"consultation_report_version", "consultation_request", "consultation_draft", "consultation_document"})
"""Filled through the product: their texts are signed, or copied from where they were filled."""
TAGS = (
    "PatientName", "PatientComments", "StudyDescription", "SeriesDescription", "InstitutionName", "ReferringPhysicianName",
    "InstitutionalDepartmentName", "Manufacturer", "ManufacturerModelName", "ProtocolName", "OperatorsName", "AccessionNumber",
    "StationName", "RequestedProcedureDescription", "ImageComments", "BodyPartExamined", "PerformingPhysicianName",
)
WATCH = """
window.found = []
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = () => { window.found.push(`called ${name}`) }
addEventListener("securitypolicyviolation", (event) => window.found.push(`stopped ${event.violatedDirective} ${event.blockedURI}`))
"""
LOOK = """
() => {
  const acts = /^(hx-|data-hx-|on|x-|@|:|style|srcdoc)/, leads = /^(href|src|action|formaction|data|poster|xlink:href)$/
  const strange = /^\\s*(java\\s*script:|data:text|\\/\\/x7|https?:\\/\\/x7)/i
  const found = [...window.found || []]
  for (const node of document.querySelectorAll("*")) {
    if (node.localName.includes("x7")) found.push(`element ${node.localName}`)
    for (const { name, value } of node.attributes) {
      if (name.includes("x7")) found.push(`attribute ${name}`)
      if (acts.test(name) && /x7|alert\\(7/.test(value.replace(/"X-CSRFToken": "[\\w.-]+"/, ""))) found.push(`${name}=${value}`)
      if (leads.test(name) && strange.test(value)) found.push(`${name}=${value}`)
    }
  }
  for (const node of document.querySelectorAll("script")) if (/x7|alert\\(7/.test(node.type === "application/json" ? "" : node.textContent)) found.push("script text")
  for (const node of document.querySelectorAll("style")) if (node.textContent.includes("x7")) found.push("style text")
  return found
}
"""
SHOWN = "() => document.body.innerText + ' ' + [...document.querySelectorAll('input, textarea, option, [title]')].map((n) => `${n.value || ''} ${n.title || ''}`).join(' ')"


def poison(world: World, *, but: frozenset[str] = SIGNED) -> int:
    """Write a payload into every text of the world's rows that a page might show. :return: how many"""
    written, payloads = 0, cycle(PAYLOADS)
    with world.app.app_context(), all_tenants(write=True) as db:
        for table in metadata.sorted_tables:
            columns = [c for c in table.c if type(c.type) in (sa.String, sa.Text) and c.name not in MACHINE and not c.foreign_keys]
            if table.name in contract.HOUSE | WORKINGS | but or not columns:
                continue
            unique = {c.name for u in table.constraints if isinstance(u, sa.UniqueConstraint) for c in u.columns}
            for row in db.execute(sa.select(table).where(contract._whose(world, table))).mappings().all():
                where = sa.and_(*(c == row[c.name] for c in table.primary_key.columns))
                values = {c.name: text_for(c, payloads) for c in columns if row[c.name] is not None}
                own = "-".join(str(row[c.name]) for c in table.primary_key.columns)  # poisoned twice, still nobody else's
                values |= {name: f"{value} {own}" for name, value in values.items() if name in unique}
                db.execute(sa.update(table).where(where).values(values))
                written += len(values)
    return written


def text_for(column: Any, payloads: Iterator[str]) -> str:
    """The next payload that fits; all of them where there is room."""
    length = getattr(column.type, "length", None)
    if length is None:
        return "\n".join(PAYLOADS)
    return next((p for p in (next(payloads) for _ in PAYLOADS) if len(p) <= length), "x7"[:length])


def image(n: int) -> bytes:
    """A shipped image whose every shown tag holds a payload."""
    data = pydicom.dcmread(str(get_testdata_file("MR_small.dcm", download=False)))
    settings = pydicom_config.settings
    before = settings.reading_validation_mode, settings.writing_validation_mode
    settings.reading_validation_mode = settings.writing_validation_mode = pydicom_config.IGNORE  # texts longer than the standard's
    try:
        data.SpecificCharacterSet = "ISO_IR 192"
        for k, tag in enumerate(TAGS):
            setattr(data, tag, PAYLOADS[(n * len(TAGS) + k) % len(PAYLOADS)].replace("\\", "/").replace("\n", " "))
        data.PatientID, uid = f"<x7-p>{n}", str(generate_uid())[:40].rstrip(".")
        data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID = uid, f"{uid}.1", f"{uid}.1.1"
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        out = io.BytesIO()
        data.save_as(out)
        return out.getvalue()
    finally:
        settings.reading_validation_mode, settings.writing_validation_mode = before


def fill(world: World) -> dict[str, str]:
    """Uploads, and requests in several states, through the API. :return: request ids by state"""
    for n in range(4):
        name = PAYLOADS[n * 7].replace("/", "") + ".dcm"
        sent = world.h_admin.call("POST", "/uploads", data={"file": [(io.BytesIO(image(n)), name), (io.BytesIO(b"no image"), PAYLOADS[n])]})
        assert sent.status_code == 202, sent.get_json()
    world.drain()
    poison(world)
    listed = world.h_admin.call("GET", "/studies")
    assert listed.status_code == 200, listed.get_json()
    studies = [s["id"] for s in listed.get_json()["items"]]
    assert len(studies) >= 4
    states = ("SUBMITTED", "DIAGNOSING", "APPROVED", "CONFIRMED")
    with world.app.app_context(), all_tenants(write=True) as db:
        db.execute(sa.text("UPDATE study SET complete_at = uploaded_at WHERE tenant_id = :t"), {"t": world.hospital.id})
    made = {state: drive(world, study, state) for state, study in zip(states, studies, strict=False)}
    world.drain()
    poison(world)
    return made


def drive(world: World, study: str, state: str) -> str:
    """A request whose texts are all payloads, walked to a state by whoever the pages are later opened as."""
    text = "\n".join(PAYLOADS)
    body = {"study_id": study, "group": world.group.code, "parts": [{"name": "<img src=x7 onerror=alert(7)>"}], "purpose": text[:500]}
    made = world.h_admin.call("POST", "/requests", body)
    assert made.status_code == 201, made.get_json()
    seen, words = made.get_json(), {"findings": text, "impression": text, "positive": True}
    for event, facts in (("accept", {}), ("open", {}), ("send_to_review", words), ("start_review", {}), ("approve", {}), ("confirm", None)):
        if seen["state"] == state:
            break
        if event == "send_to_review":
            picture = {"file": (contract.png(), "x7.png"), "caption": "<x7-p>\"><x7-p>"}
            assert world.g_admin.call("POST", f"/requests/{seen['id']}/captures", data=picture).status_code == 201
        who = world.h_admin if event == "confirm" else world.g_admin
        facts = {"sha256": contract.sealed(world, seen["id"])} if facts is None else facts
        answer = who.call("POST", f"/requests/{seen['id']}/{event}", {"version": seen["version"], **facts})
        assert answer.status_code == 200, (event, answer.get_json())
        seen = answer.get_json()
    if state == "DIAGNOSING":
        kept = world.g_admin.call("PUT", f"/requests/{seen['id']}/draft", {"rev": 0, **words})
        assert kept.status_code == 200, kept.get_json()
    return str(seen["id"])


class Visitor:
    """A member in a browser that notes dialogs and requests to anywhere else."""

    def __init__(self, browser: Browser, server: Server, member: Member) -> None:
        self.server, self.found = server, list[str]()
        self.context = browser.new_context(viewport={"width": 1366, "height": 768})
        self.context.set_default_timeout(15_000)
        self.context.add_init_script(WATCH)
        self.context.on("request", self._asked)
        cookie = member.browser().get_cookie("session")
        assert cookie is not None
        self.context.add_cookies([{"name": "session", "value": cookie.value, "url": server.url}])
        self.page: Page = self.context.new_page()
        self.page.on("dialog", lambda dialog: (self.found.append("a dialog"), dialog.dismiss()))

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.server.url, "data:", "blob:", "about:")):
            self.found.append(f"asked {request.url}")

    def open(self, path: str, ready: str = "") -> str:
        """Open a page, look at it, let the pointer pass over it. :return: what it shows as text"""
        self.page.goto(self.server.url + path)
        self.page.wait_for_load_state("load")
        if ready:
            self.page.wait_for_function(ready)
        self.page.mouse.move(500, 400)
        self.found += [f"{path}: {line}" for line in self.page.evaluate(LOOK)]
        return str(self.page.evaluate(SHOWN))


@pytest.fixture
def server(app: TeleradFlask) -> Iterator[Server]:
    server = Server(app)
    yield server
    server.stop()


def test_no_text_becomes_anything_but_text_on_any_page(app: TeleradFlask, world: World, server: Server, browser: Browser) -> None:
    made, shown, opened = fill(world), "", set()
    editor = "document.querySelector('#ws-chosen').textContent !== ''"
    for member in (world.h_admin, world.g_admin):
        visitor = Visitor(browser, server, member)
        root = f"/t/{member.tenant.code}"
        starts = ["/", "/me", f"{root}/", f"{root}/notices", f"{root}/uploads"]
        if member is world.g_admin:
            starts += [f"{root}/diagnosis/{id}/report" for id in made.values()]
        for place in crawl(app, visitor.context.request, server.url, starts):
            if place.endpoint.endswith(".images"):
                continue  # sends itself and leads to the viewer
            opened.add(place.endpoint)
            shown += visitor.open(place.path, editor if place.endpoint == "workspace.show" else "")
        assert visitor.found == [], "\n".join(visitor.found)
        visitor.context.close()
    assert {"studies.index", "studies.show", "requests.index", "requests.show", "requests.report", "diagnosis.index", "diagnosis.show",
            "workspace.show", "home.index", "me.index", "uploads.page"} <= opened, sorted(opened)
    missing = [p for p in PAYLOADS if "".join(p.split()) not in "".join(shown.split())]
    assert len(missing) <= 2, f"never shown as text: {missing}"


def test_the_look_sees_each_payload_that_is_not_escaped(server: Server, browser: Browser, world: World) -> None:
    """The control: markup put into a page as it is."""
    visitor = Visitor(browser, server, world.h_admin)
    visitor.context.route("**/*", lambda route: route.abort() if "x7.invalid" in route.request.url else route.continue_())
    unseen = []
    for payload in [p for p in PAYLOADS if p.startswith("<") and "template" not in p and "noscript" not in p and "%" not in p]:
        visitor.found.clear()
        page = visitor.context.new_page()
        page.goto(f"{server.url}/healthz")
        try:
            page.evaluate("(html) => { document.body.innerHTML = html }", payload)
            page.wait_for_timeout(30)
            seen = page.evaluate(LOOK)
        except Error:
            seen = ["went elsewhere"]
        page.close()
        if not visitor.found + seen:
            unseen.append(payload)
    visitor.context.close()
    assert unseen == ["<body onload=alert('x7')>"], "which a browser drops inside a body; in a page its attribute is found"
