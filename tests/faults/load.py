"""People at work on the running product over HTTP, each with a journal of what they were promised, synced to disk."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.core.intake.objects import changed, sample

MARK = "1.2.826.0.1.3680043.9.7.9{:019d}"
PLAIN = {n: MARK.format(n) for n in (1, 2, 3)}
TEXT = {"findings": "双肺纹理清晰，右肺上叶见一结节。", "impression": "右肺上叶结节。", "positive": True}
AGAIN = frozenset({408, 429, 500, 502, 503, 504})
AHEAD = 6
"""Uploads that one person has on their way before waiting for the oldest."""
PACE = 0.4
"""Seconds between two uploads of one person."""
MOVES = ("accept", "open", "send_to_review", "start_review", "approve", "confirm")


def template() -> bytes:
    return changed(sample("MR_small.dcm"), StudyInstanceUID=PLAIN[1], SeriesInstanceUID=PLAIN[2], SOPInstanceUID=PLAIN[3],
                   PatientID="P00000000000")


class Journal:
    """Lines outside of the house; a line is there before its writer goes on."""

    def __init__(self, path: Path) -> None:
        self.file, self.lock = path.open("a", encoding="utf-8"), threading.Lock()
        self.lines: list[dict[str, Any]] = []

    def note(self, **line: Any) -> None:
        with self.lock:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())
            self.lines.append(line)

    def of(self, what: str) -> list[dict[str, Any]]:
        with self.lock:
            return [line for line in self.lines if line["what"] == what]


class Client:
    """One person. No answer, a time-out or a 5xx promises nothing: the same is asked again."""

    def __init__(self, ports: Sequence[int], tenant: str, token: str, dice: random.Random) -> None:
        self.ports, self.root, self.token, self.dice = ports, f"/api/v1/t/{tenant}", token, dice

    def call(self, method: str, path: str, body: bytes = b"", media: str = "application/json", **headers: str) -> tuple[int, Any]:
        """:return: status and JSON; 0 when there was no answer"""
        connection = http.client.HTTPConnection("127.0.0.1", self.dice.choice(self.ports), timeout=40)
        try:
            connection.request(method, path if path.startswith("/t/") else self.root + path, body or None, {
                "Authorization": f"Bearer {self.token}", **({"Content-Type": media} if body else {}), **headers})
            answer = connection.getresponse()
            data = answer.read()
            return answer.status, json.loads(data) if "json" in answer.headers.get("Content-Type", "") and data else data
        except (OSError, http.client.HTTPException, ValueError):
            return 0, None
        finally:
            connection.close()


class Load:
    """:ivar refused: answers that no client that did all right should get"""

    def __init__(self, ports: Sequence[int], tokens: dict[str, str], folder: Path, seed: int, *, batch: int = 40) -> None:
        self.ports, self.tokens, self.batch = ports, tokens, batch
        self.journal = Journal(folder / "journal.jsonl")
        self.stop, self.refused = threading.Event(), list[str]()
        self.seed, self.template, self.serial = seed, template(), iter(range(10**9))
        self.ready: list[str] = []
        self.most = 10**9
        self.threads: list[threading.Thread] = []

    def client(self, who: str, number: int) -> Client:
        return Client(self.ports, "GDEMO" if who in ("reader", "reviewer") else "HDEMO", self.tokens[who],
                      random.Random(f"{self.seed}:{who}:{number}"))

    def begin(self, uploaders: int = 2, requesters: int = 3) -> None:
        for work, number in [(self.upload, n) for n in range(uploaders)] + [(self.request, n) for n in range(requesters)]:
            thread = threading.Thread(target=self._run, args=(work, number), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _run(self, work: Any, number: int) -> None:
        try:
            work(number)
        except Exception as error:  # a client that fell over proves nothing: said, and the run fails
            self.refused.append(f"client fell over: {error!r}")
            raise

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(120)

    def acknowledged(self) -> int:
        return sum(len(line["objects"]) for line in self.journal.of("upload"))

    def upload(self, number: int) -> None:
        client, waiting = self.client("technician", number), list[str]()
        while not self.stop.is_set() and self.acknowledged() < self.most:
            if len(waiting) >= AHEAD:
                self._study(waiting.pop(0))
            study, files = self.files()
            body, media = multipart(files)
            while not self.stop.is_set():
                status, said = client.call("POST", "/uploads", body, media)
                if status == 202:
                    objects = [[uid, hashlib.sha256(data).hexdigest()] for uid, data in files]
                    self.journal.note(what="upload", id=said["id"], study=study, objects=objects)
                    self.ready.append(said["id"])
                    waiting.append(said["id"])
                    break
                if status and status not in AGAIN:
                    self.refused.append(f"upload: {status} {str(said)[:200]}")
                    return
                time.sleep(0.2)
            self.stop.wait(PACE)

    def files(self) -> tuple[str, list[tuple[str, bytes]]]:
        base = uuid.uuid4().int % 10**10 * 10**9
        study, series = MARK.format(base), MARK.format(base + 1)
        made = []
        for n in range(self.batch):
            uid, data = MARK.format(base + 2 + n), self.template
            for old, new in ((PLAIN[3], uid), (PLAIN[2], series), (PLAIN[1], study)):
                data = data.replace(old.encode(), new.encode())
            made.append((uid, data.replace(b"P00000000000", b"P%011d" % (base // 10**9 % 10**11))))
        return study, made

    def request(self, number: int) -> None:
        doctor, reader, reviewer = (self.client(who, number) for who in ("doctor", "reader", "reviewer"))
        while not self.stop.is_set():
            try:
                upload = self.ready.pop(doctor.dice.randrange(len(self.ready)))
            except (ValueError, IndexError):
                time.sleep(0.1)
                continue
            if (study := self._study(upload)) is None:
                continue
            body = json.dumps({"study_id": study, "group": "GDEMO", "parts": [{"name": "胸部", "count": 1}]})
            made = self._until(doctor, "POST", "/requests", body, 201, f"ask-{upload}")
            if made is None:
                continue
            self.journal.note(what="request", id=made["id"], version=made["version"], event="request")
            for event in MOVES:
                who = doctor if event == "confirm" else reviewer if event in ("start_review", "approve") else reader
                seen = self._until(who, "GET", f"/requests/{made['id']}", "", 200, "")
                if seen is None:
                    break
                more = TEXT if event == "send_to_review" else {"sha256": seen["report"]["sha256"]} if event == "confirm" else {}
                moved = self._until(who, "POST", f"/requests/{made['id']}/{event}",
                                    json.dumps({"version": seen["version"], **more}), 200, f"{event}-{made['id']}")
                if moved is None:
                    break
                self.journal.note(what="request", id=made["id"], version=moved["version"], event=event)

    def _study(self, upload: str) -> str | None:
        client, end = self.client("technician", 99), time.monotonic() + 100
        while not self.stop.is_set() and time.monotonic() < end:
            status, said = client.call("GET", f"/uploads/{upload}")
            if status == 200 and said["state"] == "done":
                return str(said["files"][0]["study_id"])
            if status and status != 200 and status not in AGAIN:
                self.refused.append(f"upload {upload} that was acknowledged: {status}")
                return None
            time.sleep(0.3)
        return None

    def _until(self, client: Client, method: str, path: str, body: str, wanted: int, key: str) -> Any:
        """Ask until it is answered; anything but a plain yes or a plain "not now" is written down."""
        headers = {"Idempotency-Key": key} if key else {}
        while not self.stop.is_set():
            status, said = client.call(method, path, body.encode(), **headers)
            if status == wanted:
                return said
            in_progress = status == 409 and isinstance(said, dict) and said.get("type", "").endswith("in-progress")
            if status and status not in AGAIN and not in_progress:
                self.refused.append(f"{method} {path}: {status} {str(said)[:200]}")
                return None
            time.sleep(0.2)
        return None


def multipart(files: Sequence[tuple[str, bytes]]) -> tuple[bytes, str]:
    mark = uuid.uuid4().hex
    parts = [
        b"--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s.dcm\"\r\nContent-Type: application/dicom\r\n\r\n%s\r\n"
        % (mark.encode(), uid.encode(), data)
        for uid, data in files
    ]
    return b"".join(parts) + b"--%s--\r\n" % mark.encode(), f"multipart/form-data; boundary={mark}"
