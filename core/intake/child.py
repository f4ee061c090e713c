"""Parse and draw files in a child process that may die: bounded memory, bounded time, no core dump.

One child serves many files and is started again after a death. Requests and answers are JSON with a 4-byte length,
never pickles: a child that a file has taken over can lie, but cannot make its parent run anything.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from os import PathLike
from types import TracebackType
from typing import IO, Any, Self

from core import limits
from core.intake import wire
from plugin_sdk.dicom.guard import GuardResult
from plugin_sdk.dicom.header import Header
from plugin_sdk.dicom.refusals import SENTENCES, HeldBack, Refused
from plugin_sdk.dicom.render import CannotRender, Window

WALL_SECONDS = 60.0
MAX_ANSWER = 256 * 1024**2
_LENGTH = struct.Struct(">I")
_PASSED = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH"})


class ChildDied(Exception):
    """The child did not survive this file. ``reason``: ``memory``, ``cpu``, ``timeout``, ``crash`` or ``broken``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Parsed:
    header: Header
    guard: GuardResult
    dicom_json: dict[str, Any]


class Parser:
    """A limited child. Use as a context manager and from one thread; the child starts with the first file.

    The operator's limits hold where none is given.

    :param memory: bytes of address space; :param cpu: seconds per file; :param wall: seconds per file by the clock
    """

    def __init__(self, *, memory: int | None = None, cpu: int | None = None, wall: float = WALL_SECONDS) -> None:
        self._memory, self._cpu = memory, cpu
        self._wall = wall
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the child, None before the first file and after a death."""
        return self._process.pid if self._process else None

    def parse(self, path: str | PathLike[str]) -> Parsed:
        """Guard a file and read its header and JSON.

        :raise Refused: as `plugin_sdk.dicom.guard.check`, as does HeldBack
        :raise ChildDied: hold the file as `unreadable`
        """
        answer = self._ask({"do": "parse", "path": os.fspath(path)})
        try:
            return Parsed(wire.header(answer["header"]), wire.guard_result(answer["guard"]), answer["json"])
        except (KeyError, TypeError, ValueError):
            raise ChildDied("broken") from None

    def render_png(self, path: str | PathLike[str], frame: int = 0, window: Window | None = None) -> bytes:
        """Draw a frame; raises as `plugin_sdk.dicom.render.render_png`, and ChildDied."""
        answer = self._ask({"do": "render", "path": os.fspath(path), "frame": frame, "window": window})
        try:
            return base64.b64decode(answer["png"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise ChildDied("broken") from None

    def content_sha256(self, path: str | PathLike[str]) -> str:
        """Digest what a file says whatever its encoding, for comparing; raises as `parse` does."""
        answer = self._ask({"do": "content", "path": os.fspath(path)})
        if not isinstance(found := answer.get("sha256"), str) or len(found) != 64:
            raise ChildDied("broken")
        return found

    def close(self) -> None:
        """End the child."""
        if (process := self._process) is not None:
            self._process = None
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _close(pipe)
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            most = limits.current()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "core.intake.child", str(self._memory or most.child_memory), str(self._cpu or most.child_cpu)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=_environment(),
                bufsize=0,
            )
        return self._process

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._start()
        assert process.stdin is not None and process.stdout is not None
        until = time.monotonic() + self._wall
        try:
            process.stdin.write(_packed(request))
            (length,) = _LENGTH.unpack(self._receive(process.stdout, _LENGTH.size, until))
            if length > MAX_ANSWER:
                raise ChildDied("broken")
            answer = json.loads(self._receive(process.stdout, length, until))
        except ChildDied:
            self.close()
            raise
        except BrokenPipeError:
            raise self._dead() from None
        except ValueError:
            self.close()
            raise ChildDied("broken") from None
        if isinstance(answer, dict) and answer.get("spent"):
            self.close()                                  # what one file left mapped is not the next one's to pay
        return self._raised(answer)

    def _receive(self, pipe: IO[bytes], length: int, until: float) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise ChildDied("timeout")
            if not (part := os.read(pipe.fileno(), min(1024 * 1024, length - len(parts)))):
                raise self._dead()
            parts += part
        return bytes(parts)

    def _dead(self) -> ChildDied:
        process = self._process
        code = process.wait() if process is not None else 0
        self.close()
        return ChildDied("cpu" if code == -signal.SIGXCPU else "memory" if code == -signal.SIGKILL else "crash")

    def _raised(self, answer: object) -> dict[str, Any]:
        if not isinstance(answer, dict):
            raise ChildDied("broken")
        reason, detail = str(answer.get("reason", "")), str(answer.get("detail", ""))[:200]
        match answer.get("error"):
            case None:
                return answer
            case "refused" if reason in SENTENCES:
                raise Refused(reason, detail)
            case "held" if reason in SENTENCES:
                raise HeldBack(reason, detail)
            case "cannot_render":
                raise CannotRender(detail)
            case "memory":
                self.close()
                raise ChildDied("memory")
        raise ChildDied("broken")


def _environment() -> dict[str, str]:
    """What the child may know: where things are, no secret and no address; numeric libraries start no threads."""
    kept = {name: value for name, value in os.environ.items() if name in _PASSED or name.startswith(("LC_", "PYTHON"))}
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:
        return                                            # what was still to be written has no reader any more


def _packed(message: dict[str, Any]) -> bytes:
    body = json.dumps(message, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
    return _LENGTH.pack(len(body)) + body


def _limit_cpu(seconds: int) -> None:
    """Give this process `seconds` more from now; SIGXCPU ends it."""
    used = time.process_time()
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 1 + seconds, hard))


def _address_space() -> int:
    """Bytes this process has mapped; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def serve(memory: int, cpu: int) -> None:
    """Answer requests from stdin until it ends. Runs in the child only."""
    from core.intake.tasks import answer

    warnings.simplefilter("ignore")                       # pydicom's quote values of the file
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)                                         # decoders print to stdout; the pipe is for answers alone
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    while len(head := requests.read(_LENGTH.size)) == _LENGTH.size:
        request = json.loads(requests.read(_LENGTH.unpack(head)[0]))
        _limit_cpu(cpu)
        answers.write(_packed({**answer(request), "spent": _address_space() > memory * 3 // 4}))
        answers.flush()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
