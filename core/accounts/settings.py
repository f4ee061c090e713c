"""What the operator, a tenant and a person decide about logging in."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.tenancy import settings
from core.tenancy.models import Membership, Setting
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.settings import setting

LEAST_IDLE = 5


@dataclass(frozen=True)
class Login:
    """Of the platform: A-19, A-21."""

    captcha_days: int = setting(90, _l("同一账号在同一地址再次登录免验证码的天数"), least=1, most=3650)
    captcha_after: int = setting(3, _l("连续失败几次后需要验证码"), least=1, most=20)
    lock_after: int = setting(5, _l("连续失败几次后锁定"), least=1, most=20)
    lock_minutes: int = setting(30, _l("锁定的分钟数"), least=1, most=1440)
    idle_minutes: int = setting(30, _l("无操作自动退出的分钟数"), least=LEAST_IDLE, most=720)
    session_hours: int = setting(12, _l("一次登录最长的小时数"), least=1, most=24)
    fresh_minutes: int = setting(10, _l("敏感操作前密码验证的有效分钟数"), least=1, most=60)


@dataclass(frozen=True)
class Passwords:
    """Of a tenant; for a member of several the strictest counts: A-18, A-20. New tenants start with the second one on."""

    password_symbol: bool = setting(True, _l("密码须包含 $@&_ 之一"))
    must_change_password: bool = setting(False, _l("必须修改默认密码，不可跳过"))


@dataclass(frozen=True)
class Own:
    """Of a person: S-022, A-20. ``default_password_skipped`` is the day (YYYY-MM-DD, UTC) of the one skip, or empty."""

    auto_logout: bool = setting(True, _l("自动退出"))
    default_password_skipped: str = setting("", _l("跳过修改默认密码的日期"))


def declare() -> None:
    settings.catalogue().add("accounts", "platform", Login)
    settings.catalogue().add("accounts", "tenant", Passwords, settings.Section(title=_l("账号与密码")))
    settings.catalogue().add("accounts", "user", Own)


def login(db: Session) -> Login:
    return settings.load(db, Login, 0)


def own(db: Session, account_id: int) -> Own:
    return settings.load(db, Own, account_id)


def strictest(db: Session, account_id: int) -> Passwords:
    """The rules that hold for a member of several tenants. ``db`` sees all tenants."""
    tenants = db.scalars(
        sa.select(Membership.tenant_id).where(Membership.account_id == account_id, Membership.left_at.is_(None))
    ).all()
    rows = db.execute(
        sa.select(Setting.scope_id, Setting.name, Setting.value).where(
            Setting.scope == "tenant", Setting.scope_id.in_(tenants), Setting.name.startswith("accounts.", autoescape=True)
        )
    ).all()
    stored = {(scope_id, name.removeprefix("accounts.")): value for scope_id, name, value in rows}
    return Passwords(
        password_symbol=not tenants or any(stored.get((t, "password_symbol"), True) for t in tenants),
        must_change_password=any(stored.get((t, "must_change_password"), False) for t in tenants),
    )
