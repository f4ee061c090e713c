"""``telerad demo``: two tenants, their people and connection, and studies that our own code draws. Safe to run twice."""

from __future__ import annotations

import io
import math
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from PIL import Image, ImageDraw

from core import clock
from core.accounts import actions as accounts
from core.accounts import devices
from core.demo import phantom
from core.intake.command import ingest_paths
from core.studies.models import Study
from core.tenancy import actions as tenancy
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants

if TYPE_CHECKING:
    from core.host.house import Application

PASSWORD = "Demo2026$yun"
LOOPBACK = ("127.0.0.1", "::1")
"""Trying it out on this machine asks no captcha."""


@dataclass(frozen=True)
class Person:
    phone: str
    name: str
    tenant: str
    role: str


PEOPLE = (
    Person("13800000001", "演示技师", "HDEMO", "technician"),
    Person("13800000002", "演示临床医生", "HDEMO", "doctor"),
    Person("13800000003", "演示医院管理员", "HDEMO", "admin"),
    Person("13800000011", "演示诊断医生甲", "GDEMO", "reader"),
    Person("13800000012", "演示诊断医生乙", "GDEMO", "reader"),
    Person("13800000013", "演示审核医生", "GDEMO", "reviewer"),
    Person("13800000014", "演示诊断组管理员", "GDEMO", "admin"),
)
OPERATOR = Person("13800000021", "演示平台管理员", "", "operator")
TENANTS = (("HDEMO", "hospital", "演示医院"), ("GDEMO", "group", "演示诊断组"))


def seed(house: Application, *, studies: bool = True) -> Iterator[str]:
    """Make what is missing and say what there is, line by line."""
    with all_tenants(write=True) as db:
        tenants = {code: _tenant(db, house, code, kind, name) for code, kind, name in TENANTS}
        tenancy.connect(db, hospital=tenants["HDEMO"], group=tenants["GDEMO"])
        for person in PEOPLE:
            account = accounts.create(
                db, phone=person.phone, name=person.name, password=PASSWORD, must_change=False
            )
            tenancy.join(db, tenant=tenants[person.tenant], account_id=account.id, role=person.role)
            for loopback in LOOPBACK:
                devices.note(db, account.id, address=loopback)
            if person.tenant == "GDEMO":
                accounts.sign_with(db, account.id, scribble(person.phone))
        if accounts.by_phone(db, OPERATOR.phone) is None:  # nobody who was here before becomes an operator by a demo
            operator = accounts.create(db, phone=OPERATOR.phone, name=OPERATOR.name, password=PASSWORD, must_change=False)
            operator.platform_role = OPERATOR.role
            for loopback in LOOPBACK:
                devices.note(db, operator.id, address=loopback)
    yield f"演示账号（密码均为 {PASSWORD}）:"
    for person in (*PEOPLE, OPERATOR):
        yield f"  {person.phone}  {person.tenant or '平台 ':<5}  {person.role:<11} {person.name}"
    _furnish(house, [tenants[code].id for code, _, _ in TENANTS])
    if studies:
        yield from _studies(house)


def _tenant(db: sa.orm.Session, house: Application, code: str, kind: str, name: str) -> Tenant:
    found = db.scalars(sa.select(Tenant).where(Tenant.code == code)).one_or_none()
    return found or tenancy.create(db, house, code=code, kind=kind, name=name)


def _furnish(house: Application, tenants: list[int]) -> None:
    """Let each plugin add what its demo needs, in the tenants where it is on."""
    for owner, declared in house.plugins.house.by_owner.items():
        for dotted in declared.demos:
            for tenant_id in tenants:
                with house.system_ctx(tenant_id) as ctx:
                    if owner in ctx.enabled:
                        house.resolve(dotted)(ctx)


def _studies(house: Application) -> Iterator[str]:
    """Draw and store the demo studies, unless the demo hospital has studies already."""
    with all_tenants() as db:
        hospital = db.scalars(sa.select(Tenant).where(Tenant.code == "HDEMO")).one()
        if db.scalar(sa.select(sa.func.count()).select_from(Study).where(Study.tenant_id == hospital.id)):
            yield "演示检查已存在"
            return
    at = clock.local(clock.now(), "Asia/Shanghai").replace(tzinfo=None) - timedelta(hours=2)
    with tempfile.TemporaryDirectory(dir=house.config.data) as folder:
        for name, paths in phantom.demo_studies(Path(folder), at):
            counts = list(ingest_paths(house, "HDEMO", [p.parent for p in paths[:1]]))[-1]
            yield f"演示检查 {name}: {counts}"


def scribble(seed: str) -> bytes:
    """A signature that nobody has: a few strokes by a seeded pen. PNG with a transparent ground."""
    draw_from = random.Random(seed)
    image = Image.new("RGBA", (480, 160), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    x = 40.0
    for _ in range(draw_from.randint(5, 7)):
        phase, height, width = draw_from.uniform(0, math.tau), draw_from.uniform(18, 48), draw_from.uniform(36, 64)
        points = [
            (x + width * t / 24, 80 + height * math.sin(phase + t / 24 * draw_from.choice((3.2, 4.4, 5.1))) * (1 - t / 60))
            for t in range(25)
        ]
        pen.line(points, fill=(16, 24, 64, 255), width=draw_from.randint(3, 6), joint="curve")
        x += width * 0.9
    pen.line([(36, 124), (x + 20, 112 + draw_from.uniform(-8, 8))], fill=(16, 24, 64, 255), width=3)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
