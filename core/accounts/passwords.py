"""Passwords: the rule, the hash, and a bound on how many are computed at once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from plugin_sdk.errors import DomainError, Invalid
from plugin_sdk.i18n import lazy as _l

HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
AT_ONCE = 4
"""Hashes computed at the same time by one process: 4 x 64 MiB, or logging in would be the way to fell the house."""
PATIENCE = 5.0
"""Seconds that a login waits for its turn."""
_TURNS = BoundedSemaphore(AT_ONCE)
SYMBOLS = "$@&_"
CLASSES = (
    (re.compile(r"[A-Z]"), _l("密码需包含大写字母")),
    (re.compile(r"[a-z]"), _l("密码需包含小写字母")),
    (re.compile(r"[0-9]"), _l("密码需包含数字")),
)
ALLOWED = re.compile(r"[A-Za-z0-9$@&_]+")


class Busy(DomainError):
    """More logins at once than this process computes in its patience."""

    status, code, sentence = 503, "unavailable", _l("登录的人较多，请稍后再试")


def rules(*, symbol: bool = True) -> list[object]:
    """The rule, a line for each part, as the page says it."""
    lines: list[object] = [_l("8-24 位"), _l("含大写字母"), _l("含小写字母"), _l("含数字")]
    return [*lines, _l("含 $@&_ 之一") if symbol else _l("可用 $@&_"), _l("不用其他字符")]


def problem(password: str, *, symbol: bool = True) -> object | None:
    """Why a password is not allowed, or ``None``: 8-24 characters, each class, nothing else.

    :param symbol: whether one of ``$@&_`` is compulsory
    """
    if not 8 <= len(password) <= 24:
        return _l("密码长度为 8-24 位")
    if not ALLOWED.fullmatch(password):
        return _l("密码只能使用字母、数字和 $@&_")
    for pattern, sentence in CLASSES:
        if not pattern.search(password):
            return sentence
    if symbol and not any(c in SYMBOLS for c in password):
        return _l("密码需包含 $@&_ 之一")
    return None


def check_rule(password: str, *, symbol: bool = True) -> None:
    """:raise Invalid: with the sentence for the field ``password``"""
    if (sentence := problem(password, symbol=symbol)) is not None:
        raise Invalid(sentence, errors=[{"field": "password", "message": str(sentence)}])


@contextmanager
def _turn() -> Iterator[None]:
    """:raise Busy: nobody finished in time"""
    if not _TURNS.acquire(timeout=PATIENCE):
        raise Busy(retry_after=5)
    try:
        yield
    finally:
        _TURNS.release()


def hashed(password: str) -> str:
    """:raise Busy: too many at once"""
    with _turn():
        return HASHER.hash(password)


def verified(stored: str | None, password: str) -> bool:
    """Compare in the same time for a known and an unknown account: without a hash a dummy is compared.

    :raise Busy: too many at once
    """
    with _turn():
        dummy = _dummy(HASHER.memory_cost)
        try:
            return HASHER.verify(stored or dummy, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def outdated(stored: str) -> bool:
    """Whether a hash was made with other costs than today's."""
    return HASHER.check_needs_rehash(stored)


@cache
def _dummy(memory_cost: int) -> str:
    return HASHER.hash(secrets.token_urlsafe(16))


def first_password() -> str:
    """A random password that obeys the rule; it must be changed at the first login."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz", "23456789", SYMBOLS
    drawn = [secrets.choice(group) for group in letters]
    drawn += [secrets.choice("".join(letters[:3])) for _ in range(8)]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)
