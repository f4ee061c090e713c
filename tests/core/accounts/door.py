"""A browser before the login page, at an address of its own. Reads the captcha where only the server can: in its row."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core.accounts.models import Captcha, LoginSession
from core.accounts.sessions import digest
from core.audit.models import Audit
from core.tenancy.sessions import all_tenants, nobody
from tests.conftest import PASSWORD, Member, client_at, csrf, own_address

WRONG = "Wrong2026$"


class Door:
    def __init__(self, app: Any, address: str = "") -> None:
        self.app, self.address = app, address or own_address()
        self.client: FlaskClient = client_at(app, self.address)

    def page(self) -> str:
        return self.client.get("/login").get_data(as_text=True)

    def asks_captcha(self) -> bool:
        return 'name="captcha"' in self.page()

    def captcha(self) -> str:
        """Ask for a picture and read its text from the row."""
        csrf(self.client)
        picture = self.client.get("/login/captcha")
        assert (picture.status_code, picture.mimetype) == (200, "image/png")
        return self.answer()

    def answer(self) -> str:
        with self.app.app_context(), nobody() as db:
            row = db.scalar(sa.select(Captcha.answer).join(LoginSession).where(LoginSession.key_hash == digest(self.key)))
        return row or ""

    @property
    def key(self) -> str:
        return self.cookie("session")

    def cookie(self, name: str) -> str:
        cookie = self.client.get_cookie(name)
        return cookie.value if cookie else ""

    def knock(self, phone: str, password: str = PASSWORD, *, captcha: str | None = None, **form: str) -> TestResponse:
        """Send the form; ``captcha`` is sent when given."""
        form = {"phone": phone, "password": password, "csrf_token": csrf(self.client), **form}
        return self.client.post("/login", data=form if captcha is None else {**form, "captcha": captcha})

    def enter(self, phone: str, password: str = PASSWORD, **form: str) -> TestResponse:
        """Send the form with the captcha answered rightly."""
        return self.knock(phone, password, captcha=self.captcha(), **form)

    def send(self, path: str, **form: str) -> TestResponse:
        return self.client.post(path, data={"csrf_token": csrf(self.client, "/me/password"), **form})

    def inside(self) -> bool:
        return self.client.get("/").status_code == 200


def entries(member: Member, *kinds: str) -> list[str]:
    """Kinds of a tenant's entries about one member, oldest first; only those asked for."""
    with member.app.app_context(), all_tenants() as db:
        rows = db.scalars(
            sa.select(Audit.kind)
            .where(Audit.tenant_id == member.tenant.id, Audit.account_id == member.account.id)
            .order_by(Audit.seq)
        ).all()
    return [kind for kind in rows if kind in kinds]
