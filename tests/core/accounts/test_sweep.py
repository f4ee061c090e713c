"""What is kept of logins, and how long."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from core import clock
from core.accounts.models import LoginAttempt, LoginSeen, Remember
from core.tenancy.sessions import nobody
from core.work import sweep
from tests.conftest import World
from tests.core.accounts.door import Door


def kept(world: World) -> tuple[int, int, int]:
    """Tries, remembered logins, and places with a known browser of the doctor."""
    account = world.doctor.account
    with world.app.app_context(), nobody() as db:
        def count(model: type, where: sa.ColumnElement[bool]) -> int:
            return db.scalar(sa.select(sa.func.count()).select_from(model).where(where)) or 0

        return (
            count(LoginAttempt, LoginAttempt.phone == account.phone), count(Remember, Remember.account_id == account.id),
            count(LoginSeen, (LoginSeen.account_id == account.id) & (LoginSeen.device != "")),
        )


def test_tries_are_kept_a_day_tokens_thirty_and_known_browsers_as_long_as_their_cookie(world: World) -> None:
    Door(world.app).enter(world.doctor.account.phone, remember="yes")
    for days, expected in ((0.9, (1, 1, 1)), (0.2, (0, 1, 1)), (28.8, (0, 1, 1)), (0.2, (0, 0, 1)), (369, (0, 0, 1)), (1, (0, 0, 0))):
        clock.shift(timedelta(days=days))
        with world.app.app_context():
            sweep.sweep(world.app.house)
        assert kept(world) == expected, days
