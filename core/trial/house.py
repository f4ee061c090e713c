"""Implements ``plugin_sdk.testing``: the product on a fresh SQLite database, with tenants made on demand."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argon2 import PasswordHasher

from core import clock, config
from core.accounts import actions as accounts
from core.accounts import devices, login, passwords
from core.accounts.models import Account
from core.app import TeleradFlask, create_app
from core.demo.identity import DemoPatient
from core.demo.seed import scribble
from core.host import switches
from core.host.context import TenantCtx
from core.host.loader import bundled
from core.intake.command import ingest_paths
from core.run import migrate
from core.tenancy import actions as tenancy
from core.tenancy import settings
from core.tenancy.links import tenant_view
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from core.trial import picture
from core.work import runner
from plugin_sdk import testing
from plugin_sdk.api import Plugin
from plugin_sdk.consultation import Consultations, PartCount, RequestView, Urgency
from plugin_sdk.db import db
from plugin_sdk.types import Ctx, LinkView, Side, StudyFacts, TenantView, UserView

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

LOOPBACK = "127.0.0.1"
numbers = count(1)


class TrialFailed(AssertionError):
    """What a test asked the product for was refused."""


class Trial:
    """Implements :class:`plugin_sdk.testing.Core`.

    :param data: a new folder
    :param extra: plugin classes that are not installed
    """

    def __init__(self, data: Path, *, extra: tuple[type[Plugin], ...] = ()) -> None:
        passwords.HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
        data = data.resolve()
        given = config.load({}, data=data, testing=True, database_url=f"sqlite:///{data}/telerad.db", fetch_allow=LOOPBACK)
        self.app: TeleradFlask = create_app(given, extra=extra)
        logging.getLogger("rq").setLevel(logging.ERROR)
        with self.app.app_context():
            migrate.upgrade(self.app.house)
        plugins = self.app.house.plugins
        self.broken: Mapping[str, str] = plugins.broken
        self.outside = [n for n in plugins.ready if not bundled(plugins.found[n])]

    def house(self) -> TrialHouse:
        """A new hospital and group with their people, connected; plugins from outside are on."""
        n, house = next(numbers), self.app.house
        with self.app.app_context():
            with all_tenants(write=True) as session:
                hospital = tenancy.create(session, house, code=f"HT{n:05d}", kind="hospital", name=f"测试医院{n}")
                group = tenancy.create(session, house, code=f"GT{n:05d}", kind="group", name=f"测试诊断组{n}")
                tenancy.connect(session, hospital=hospital, group=group)
                for tenant in (hospital, group):
                    tenant.plugins = {k: v for k, v in tenant.plugins.items() if k not in self.outside}
            people = {name: self._person(hospital if side == "hospital" else group, role, f"{name}{n}")
                      for name, side, role in testing.PEOPLE}
            for tenant in (hospital, group):
                self._switch_on(tenant)
            with house.system_ctx(hospital.id, write=False) as ctx:
                (link,) = ctx.links.active()
        return TrialHouse(self, tenant_view(hospital), tenant_view(group), link, people)

    def close(self) -> None:
        with self.app.app_context():
            db.engine.dispose()

    def _switch_on(self, tenant: Tenant) -> None:
        """Switch plugins from outside on as a tenant would, and let each answer for what it provides."""
        house = self.app.house
        with house.system_ctx(tenant.id) as ctx:
            for name in self.outside:
                plugin = house.plugins.found[name]
                if plugin.side in (tenant.kind, "both"):
                    switches.enable(ctx, name)
                    for capability in plugin.provides:
                        switches.choose(ctx, capability, name)

    def _person(self, tenant: Tenant, role: str, name: str) -> TrialPerson:
        with all_tenants(write=True) as session:
            account = accounts.create(
                session, phone=f"137{next(numbers):08d}", name=name, password=testing.PASSWORD, must_change=False
            )
            tenancy.join(session, tenant=tenant, account_id=account.id, role=role)
            accounts.sign_with(session, account.id, scribble(name))
            devices.note(session, account.id, address=LOOPBACK)
        token = login.make_token(account.id, tenant.id, days=1)
        view = UserView(id=account.id, public_id=account.public_id, name=account.name)
        return TrialPerson(self.app, view, tenant_view(tenant), role, account.phone, token)


@dataclass
class TrialPerson:
    """Implements :class:`plugin_sdk.testing.Person`."""

    app: TeleradFlask
    user: UserView
    tenant: TenantView
    role: str
    phone: str
    token: str

    def call(self, method: str, path: str, json: Any = None) -> TestResponse:
        return self.app.test_client().open(
            f"/api/v1/t/{self.tenant.code}{path}", method=method, json=json, headers={"Authorization": f"Bearer {self.token}"}
        )

    def browser(self) -> TrialBrowser:
        return TrialBrowser(self)

    @contextmanager
    def ctx(self, *, write: bool = True) -> Iterator[Ctx]:
        house = self.app.house
        with self.app.app_context():
            with all_tenants() as session:
                account = session.get_one(Account, self.user.id)
            ctx = house.member_ctx(house.tenant_row(self.tenant.id), account, write=write)
            with _kept(ctx):
                yield ctx


class TrialBrowser:
    """Implements :class:`plugin_sdk.testing.Browser`."""

    def __init__(self, person: TrialPerson) -> None:
        self.root = f"/t/{person.tenant.code}"
        self.client = person.app.test_client()
        n = next(numbers)  # tries to log in are counted by address
        self.client.environ_base["REMOTE_ADDR"] = address = f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"
        with person.app.app_context(), all_tenants(write=True) as session:
            devices.note(session, person.user.id, address=address)
        form = {"phone": person.phone, "password": testing.PASSWORD, "csrf_token": self._token("/login")}
        _expect(self.client.post("/login", data=form), 303)

    def get(self, path: str) -> TestResponse:
        return self.client.get(self.root + path)

    def page(self, path: str) -> str:
        return _expect(self.get(path), 200).get_data(as_text=True)

    def post(self, path: str, form: Mapping[str, Any] | None = None) -> TestResponse:
        return self.client.post(self.root + path, data={"csrf_token": self._token(f"{self.root}/"), **(form or {})})

    def _token(self, path: str) -> str:
        page = _expect(self.client.get(path), 200).get_data(as_text=True)
        return page.split('name="csrf_token" value="')[1].split('"')[0]


@dataclass
class TrialHouse:
    """Implements :class:`plugin_sdk.testing.House`."""

    trial: Trial
    hospital: TenantView
    group: TenantView
    link: LinkView
    people: Mapping[str, TrialPerson]

    def at_hospital(self, *, write: bool = True) -> AbstractContextManager[Ctx]:
        return self._at(self.hospital, write)

    def at_group(self, *, write: bool = True) -> AbstractContextManager[Ctx]:
        return self._at(self.group, write)

    def person(self, name: str) -> TrialPerson:
        return self.people[name]

    def study(self, *, name: str = "测试甲", modality: str = "CT", body_part: str = "CHEST", images: int = 1) -> StudyFacts:
        n, found = next(numbers), ""
        patient = DemoPatient(name, f"P{n:06d}", "M", date(1968, 5, 1))
        at = clock.local(clock.now(), self.hospital.zone).replace(tzinfo=None)
        with tempfile.TemporaryDirectory() as folder, self.trial.app.app_context():
            picture.draw(Path(folder), patient, at=at, modality=modality, body_part=body_part, images=images)
            for line in ingest_paths(self.trial.app.house, self.hospital.code, [Path(folder)]):
                if line.get("outcome", "stored") != "stored":
                    raise TrialFailed(line)
                found = str(line.get("study_id") or found)
        with self.at_hospital(write=False) as ctx:
            return ctx.studies.own(found)

    def ask(
        self, study: StudyFacts, *, parts: Sequence[PartCount] = testing.ONE_PART, urgency: Urgency = Urgency.NORMAL
    ) -> RequestView:
        doctor = self.person("doctor")
        body = {"study_id": study.public_id, "group": self.group.code, "urgency": str(urgency),
                "parts": [{"name": p.name, "count": p.count} for p in parts]}
        return self._view(_expect(doctor.call("POST", "/requests", body), 201).get_json()["id"])

    def finish(self, asked: RequestView, **words: Any) -> RequestView:
        text = {**testing.WORDS, **words}
        for who, event, more in (
            ("reader", "accept", {}), ("reader", "open", {}), ("reader", "send_to_review", text),
            ("reviewer", "start_review", {}), ("reviewer", "approve", {}), ("doctor", "confirm", {}),
        ):
            person, path = self.person(who), f"/requests/{asked.ref.public_id}"
            seen = _expect(person.call("GET", path), 200).get_json()
            sealed = {"sha256": seen["report"]["sha256"]} if event == "confirm" else {}
            _expect(person.call("POST", f"{path}/{event}", {"version": seen["version"], **more, **sealed}), 200)
        return self._view(asked.ref.public_id)

    def set(self, side: Side, of: type[Any], **values: Any) -> None:
        tenant = self.hospital if side == "hospital" else self.group
        scope_id = {"tenant": tenant.id, "link": self.link.id, "platform": 0}[settings.catalogue().prefix(of)[1]]
        with self.trial.app.app_context(), all_tenants(write=True) as session:
            settings.store(session, of, scope_id, by=0, **values)

    def switch(self, plugin: str, *, on: bool) -> None:
        side = self.trial.app.house.plugins.found[plugin].side
        for tenant in (self.hospital, self.group):
            if side in (tenant.kind, "both"):
                with self.trial.app.app_context(), self.trial.app.house.system_ctx(tenant.id) as ctx:
                    (switches.enable if on else switches.disable)(ctx, plugin)

    def work(self) -> None:
        with self.trial.app.app_context():
            runner.drain(self.trial.app.house)

    def another(self) -> TrialHouse:
        return self.trial.house()

    def _view(self, public_id: str) -> RequestView:
        with self.at_hospital(write=False) as ctx:
            consultations = ctx.get(Consultations)
            if consultations is None:
                raise TrialFailed("consultation is off")
            return consultations.get(public_id)

    @contextmanager
    def _at(self, tenant: TenantView, write: bool) -> Iterator[Ctx]:
        with self.trial.app.app_context(), self.trial.app.house.system_ctx(tenant.id, write=write) as ctx:
            yield ctx


@contextmanager
def _kept(ctx: TenantCtx) -> Iterator[None]:
    """Commit when all went well, undo otherwise."""
    try:
        yield
        if ctx.write:
            ctx.commit()
    except BaseException:
        ctx.rollback()
        raise
    finally:
        ctx.close()


def _expect(answer: TestResponse, status: int) -> TestResponse:
    if answer.status_code != status:
        raise TrialFailed(f"{answer.request.path} answered {answer.status_code}: {answer.get_data(as_text=True)[:400]}")
    return answer
