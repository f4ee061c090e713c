"""Calls into plugins: under a deadline, timed, counted. Whatever a plugin does, the caller goes on.

A call runs on a thread of a crew while the caller waits. One that outlasts its deadline is abandoned: an exception is
set on its thread, its statement in the database is interrupted, and the caller's operation fails or goes on without it,
as the hook's policy says. Nothing in Python stops a thread that sleeps in foreign C code; it ends by itself when it
wakes, and a plugin that hung three times in five minutes is not called again for a minute.
"""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.host.ledger import Ledger
from plugin_sdk.errors import DomainError

log = logging.getLogger(__name__)
T = TypeVar("T")
SECONDS = 5.0
SLOW_MS = 50
HANGS, WITHIN, REST = 3, 300.0, 60.0
GRACE = 1.0
"""Seconds that a broken-off statement is given to end."""


class Hung(RuntimeError):
    """A plugin did not answer in time, or hung too often to be asked again now."""


class Rubbish(TypeError):
    """A plugin answered something that is not what the hook gives."""


class _Abandoned(BaseException):
    """Set on the thread of a call nobody waits for any more."""


class _Call:
    """One call on its way. ``done`` is held until it has ended."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.function, self.args, self.context = function, args, copy_context()
        self.done = threading.Lock()
        self.done.acquire()
        self.answer: Any = None
        self.error: BaseException | None = None
        self.abandoned = False

    def run(self) -> None:
        try:
            self.answer = self.context.run(self.function, *self.args)
        except BaseException as error:  # handed to the caller, whatever it is
            self.error = error


class _Hand(threading.Thread):
    """A thread that runs one call after the other, until one of them is abandoned."""

    def __init__(self, idle: deque[_Hand]) -> None:
        super().__init__(daemon=True, name="plugin-call")
        self.calls: SimpleQueue[_Call] = SimpleQueue()
        self.idle = idle

    def run(self) -> None:
        try:
            while True:
                call = self.calls.get()
                call.run()
                if not call.abandoned:
                    self.idle.append(self)
                call.done.release()
                if call.abandoned:
                    return
        except _Abandoned:
            return


def _break_off(session: Session | None) -> bool:
    """Break off the statement that runs on a session's connection; its thread gets the error.

    :return: whether there was a connection to break off on
    """
    if session is None or not session.in_transaction():
        return False
    try:
        raw = session.connection().connection.driver_connection
    except SQLAlchemyError:
        return False
    stop = getattr(raw, "interrupt", None) or getattr(raw, "cancel_safe", None)
    if stop is not None:
        stop()
    return stop is not None


class Guard:
    """Runs plugins' code for one process."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self._idle: deque[_Hand] = deque()
        self._hangs: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=HANGS))

    def run(
        self,
        plugin: str,
        place: str,
        function: Callable[..., T],
        *args: Any,
        seconds: float = SECONDS,
        check: Callable[[T], bool] | None = None,
        ctx: Any = None,
    ) -> T:
        """Call a plugin and note how it went. Core's own code is called as it is.

        :param place: the hook, slot, list or listener, for the administrators' page
        :param check: whether the answer is what was asked for
        :param ctx: the ctx the plugin works in; its statement is interrupted when the call hangs
        :raise Hung: no answer within ``seconds`` (monotonic)
        :raise Rubbish: an answer that ``check`` refuses
        """
        if plugin == "core":
            return function(*args)
        started = time.monotonic()
        try:
            self._may(plugin, started)
            answer = self._call(plugin, function, args, seconds, ctx)
            if check is not None and not check(answer):
                raise Rubbish(f"{place} answered {type(answer).__name__}")
        except Exception as error:  # a refusal in words is an answer
            self.ledger.note(plugin, place, time.monotonic() - started, None if isinstance(error, DomainError) else error)
            raise
        took = time.monotonic() - started
        self.ledger.note(plugin, place, took)
        if place == "check_transition" and took * 1000 > SLOW_MS:
            log.warning("slow hook", extra={"plugin": plugin, "hook": place, "ms": int(took * 1000)})
        return answer

    def apart(self, plugin: str, place: str, function: Callable[..., T], *args: Any, ctx: Any, **how: Any) -> T:
        """As :meth:`run`, so that a statement that fails or is broken off does not take the page's own with it.

        PostgreSQL refuses everything after an error up to a rollback: here one to a savepoint.
        """
        if plugin == "core":
            return function(*args)
        with ctx.db.begin_nested() if ctx.db.get_bind().dialect.name == "postgresql" else nullcontext():
            answer: T = self.run(plugin, place, function, *args, ctx=ctx, **how)
        return answer

    def _call(self, plugin: str, function: Callable[..., T], args: tuple[Any, ...], seconds: float, ctx: Any) -> T:
        call = _Call(function, args)
        hand = self._hand()
        hand.calls.put(call)
        if not call.done.acquire(timeout=seconds):
            call.abandoned = True
            if not call.done.acquire(blocking=False):
                self._abandon(plugin, hand, call, ctx)
                raise Hung(f"no answer within {seconds:g} s")
        if call.error is not None:
            raise call.error
        answer: T = call.answer
        return answer

    def _hand(self) -> _Hand:
        try:
            hand = self._idle.pop()
        except IndexError:
            hand = _Hand(self._idle)
        if hand.ident is None or not hand.is_alive():  # new, or left behind by a fork
            hand = _Hand(self._idle)
            hand.start()
        return hand

    def _abandon(self, plugin: str, hand: _Hand, call: _Call, ctx: Any) -> None:
        """A call that stands in a statement ends by itself when that is broken off; an exception there would cost the
        connection, and the caller's rollback with it."""
        self._hangs[plugin].append(time.monotonic())
        if _break_off(getattr(ctx, "session_in_use", None)) and call.done.acquire(timeout=GRACE):
            return
        if hand.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(hand.ident), ctypes.py_object(_Abandoned))

    def _may(self, plugin: str, at: float) -> None:
        hangs = self._hangs.get(plugin)
        if hangs and len(hangs) == HANGS and hangs[-1] - hangs[0] < WITHIN and at - hangs[-1] < REST:
            raise Hung("hung too often, not asked now")
