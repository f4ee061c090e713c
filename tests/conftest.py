"""One application per run on a fresh database; every test makes its own hospitals, groups and people in it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from core import clock, config
from core.accounts import actions as accounts
from core.accounts import devices, login, passwords
from core.accounts.models import Account
from core.app import TeleradFlask, create_app
from core.demo.seed import scribble
from core.host.context import TenantCtx
from core.run import migrate
from core.store.models import Blob
from core.studies.models import Instance, Patient, Series, Study, StudyModality
from core.tenancy import actions as tenancy
from core.tenancy.models import Tenant, TenantLink
from core.tenancy.sessions import all_tenants, nobody
from core.work import runner
from plugin_sdk.ids import row_id
from plugin_sdk.types import UserView
from tests import postgres
from tests.canary import WatchedClient, WatchedLog

numbers = count(1)
PASSWORD = "Secret2026$"


def on_server() -> bool:
    """Whether the database under test is a PostgreSQL."""
    return os.environ.get("TELERAD_TEST_DATABASE") == "postgresql"


def sampled() -> bool:
    """Whether samples stand for the whole matrix: on PostgreSQL, unless ``TELERAD_MATRIX=whole`` asks for all of it."""
    return on_server() and os.environ.get("TELERAD_MATRIX") != "whole"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has no meaning on this database, and what ``make faults`` alone runs. These are no skips.

    A test that never asks for the database under test says nothing new on the second one.
    """
    server = on_server()
    out = {"sqlite" if server else "postgresql"} | (set() if os.environ.get("TELERAD_FAULTS") == "long" else {"long"})
    if sampled():
        out.add("sampled")
    left = [
        item for item in items
        if any(item.get_closest_marker(name) for name in out)
        or (server and "database_url" not in getattr(item, "fixturenames", ()) and not item.get_closest_marker("postgresql"))
    ]
    if left:
        config.hook.pytest_deselected(items=left)
        out_of_it = set(left)
        items[:] = [item for item in items if item not in out_of_it]


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SQLite in a file, or a real PostgreSQL when TELERAD_TEST_DATABASE is ``postgresql``."""
    if not on_server():
        yield f"sqlite:///{tmp_path_factory.mktemp('db')}/telerad.db"
        return
    with postgres.running() as url:
        yield url


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[TeleradFlask]:
    """The whole application, every bundled plugin ready."""
    data = tmp_path_factory.mktemp("house")
    app = create_app(config.load({}, data=data, testing=True, strict_plugins="1", database_url=database_url))
    passwords.HASHER = passwords.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    app.test_client_class = WatchedClient
    with app.app_context():
        migrate.upgrade(app.house)
    yield app


@pytest.fixture(scope="session")
def strangers(app: TeleradFlask) -> World:
    """A hospital and a group whose every text holds the mark; with them in the house, every client of it watches."""
    from tests.contract import stage

    world = make_world.__wrapped__(app)(stage.MARK)
    stage.things(world, stage.MARK)
    return world


@pytest.fixture(autouse=True)
def _watched(request: pytest.FixtureRequest) -> None:
    if {"app", "database_url"} <= set(request.fixturenames):  # the whole house, not some app of a test's own
        request.getfixturevalue("strangers")


@pytest.fixture(scope="session")
def watched_log() -> Iterator[WatchedLog]:
    watched = WatchedLog()
    logging.getLogger().addHandler(watched)
    yield watched
    logging.getLogger().removeHandler(watched)


@pytest.fixture(autouse=True)
def _no_names_in_logs(watched_log: WatchedLog) -> Iterator[None]:
    """Whatever a test is about: what it made the product log names no patient. A house made for trials logs errors only."""
    if logging.getLogger().level > logging.INFO:
        logging.getLogger().setLevel(logging.INFO)
    yield
    assert watched_log.take() == []


@pytest.fixture
def house(app: TeleradFlask) -> Iterator[Any]:
    with app.app_context():
        yield app.house


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    yield
    clock.reset()


@dataclass
class Member:
    """A person in a tenant, with a token and a client that carries it."""

    app: TeleradFlask
    account: Account
    tenant: Tenant
    role: str
    token: str

    @property
    def view(self) -> UserView:
        return UserView(id=self.account.id, public_id=self.account.public_id, name=self.account.name)

    def call(self, method: str, path: str, json: Any = None, **kw: Any) -> TestResponse:
        """Call ``/api/v1/t/<my tenant><path>`` with my token."""
        headers = {"Authorization": f"Bearer {self.token}", **kw.pop("headers", {})}
        return self.client().open(
            f"/api/v1/t/{self.tenant.code}{path}", method=method, json=json, headers=headers, **kw
        )

    def client(self) -> FlaskClient:
        """A client that may read what is my tenant's."""
        client = self.app.test_client()
        client.reads = self.tenant.name  # type: ignore[attr-defined]
        return client

    def ctx(self, *, write: bool = True) -> TenantCtx:
        """My ctx; the caller commits and closes."""
        row = self.app.house.tenant_row(self.tenant.id)
        return self.app.house.member_ctx(row, self.account, write=write, principal=f"user:{self.account.public_id}")

    def browser(self) -> FlaskClient:
        """A client at an address of its own, where this person has been before, that logged in through the form."""
        client = self.client()
        client.environ_base["REMOTE_ADDR"] = address = own_address()
        admit(self.app, self.account.id, address)
        answer = client.post("/login", data={"phone": self.account.phone, "password": PASSWORD, "csrf_token": csrf(client)})
        assert answer.status_code == 303, answer.get_data(as_text=True)[:400]
        return client


def own_address() -> str:
    """An address that no other test logs in from: tries are counted per address."""
    n = next(numbers)
    return f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def client_at(app: TeleradFlask, address: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return client


def admit(app: TeleradFlask, account_id: int, address: str) -> None:
    """Let an account log in from an address as if it had before: no captcha."""
    with app.app_context(), nobody(write=True) as db:
        devices.note(db, account_id, address=address)


def csrf(client: FlaskClient, path: str = "/login") -> str:
    """The token that a page carries."""
    text = client.get(path).get_data(as_text=True)
    return text.split('name="csrf_token" value="')[1].split('"')[0]


@dataclass
class World:
    """A hospital and a group that are connected, with people for each role."""

    app: TeleradFlask
    hospital: Tenant
    group: Tenant
    link: TenantLink
    people: dict[str, Member] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Member:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    def drain(self) -> None:
        with self.app.app_context():
            runner.drain(self.app.house)


@pytest.fixture
def make_world(app: TeleradFlask) -> Callable[..., World]:
    """Make a hospital and a group that are connected. Strangers to every other world."""

    def make(mark: str = "") -> World:
        n = next(numbers)
        with app.app_context(), all_tenants(write=True) as db:
            hospital = tenancy.create(db, app.house, code=f"H{n:05d}", kind="hospital", name=f"医院{mark}{n}")
            group = tenancy.create(db, app.house, code=f"G{n:05d}", kind="group", name=f"诊断组{mark}{n}")
            link = tenancy.connect(db, hospital=hospital, group=group)
            world = World(app, hospital, group, link)
            for name, tenant, role in (
                ("technician", hospital, "technician"), ("doctor", hospital, "doctor"), ("h_admin", hospital, "admin"),
                ("reader", group, "reader"), ("reader2", group, "reader"), ("reviewer", group, "reviewer"),
                ("g_admin", group, "admin"),
            ):
                world.people[name] = _member(db, app, tenant, role, f"{name}{mark}")
        return world

    return make


def make_member(app: TeleradFlask, tenant: Tenant, role: str, name: str) -> Member:
    with all_tenants(write=True) as db:
        return _member(db, app, tenant, role, name)


def _member(db: Session, app: TeleradFlask, tenant: Tenant, role: str, name: str) -> Member:
    account = accounts.create(db, phone=f"139{next(numbers):08d}", name=name, password=PASSWORD, must_change=False)
    tenancy.join(db, tenant=tenant, account_id=account.id, role=role)
    accounts.sign_with(db, account.id, signature(name))
    devices.note(db, account.id, address="127.0.0.1")
    return Member(app, account, tenant, role, login.add_token(db, account.id, tenant.id, days=3))


signature = cache(scribble)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def make_study(app: TeleradFlask) -> Callable[..., Study]:
    """Insert a complete study of one series straight into the tables; its bytes are not in the store."""

    def make(world: World, *, name: str = "测试甲", pid: str | None = None, **given: Any) -> Study:
        n, at = next(numbers), clock.now()
        tenant = world.hospital.id
        uid = given.pop("uid", f"1.2.826.0.1.{n}")
        with app.app_context(), all_tenants(write=True) as db:
            patient = Patient(tenant_id=tenant, pid=pid or f"P{n:05d}", name=name, pinyin="ceshijia", sex="M",
                              birth_date=date(1968, 5, 1), seq=given.pop("seq", 0))
            db.add(patient)
            db.flush()
            study = Study(
                **{
                    "tenant_id": tenant, "uid": uid, "patient_id": patient.id, "accession": f"CT{n:06d}", "age": "58岁",
                    "study_at": "2026-11-25 08:51:00", "study_date": date(2026, 11, 25), "description": "胸部平扫",
                    "body_part": "CHEST", "institution": "测试医院", "uploaded_by": world.technician.account.id,
                    "uploader": world.technician.account.name, "uploaded_at": at, "uploaded_day": at.date(),
                    "n_series": 1, "n_instances": 2, "modalities": "CT", "complete_at": at, **given,
                }
            )
            db.add(study)
            db.flush()
            db.add(StudyModality(tenant_id=tenant, study_id=study.id, modality="CT", study_at=study.study_at, uploaded_at=at))
            series = Series(tenant_id=tenant, study_id=study.id, uid=f"{uid}.1", modality="CT", number=1, n_instances=2)
            db.add(series)
            db.flush()
            for i in (1, 2):
                blob = Blob(tenant_id=tenant, sha256=row_id().rjust(64, "0").lower(), size=1, created_at=at)
                db.add(blob)
                db.flush()
                db.add(
                    Instance(tenant_id=tenant, series_id=series.id, sop_uid=f"{uid}.1.{i}", sop_class="1.2.840.10008.5.1.4.1.1.2",
                             transfer_syntax="1.2.840.10008.1.2.1", number=i, blob_id=blob.id, data_sha256=blob.sha256,
                             n_frames=1, received_at=at)
                )
        return study

    return make


@pytest.fixture
def tmp_file(tmp_path: Path) -> Path:
    return tmp_path / "file"
