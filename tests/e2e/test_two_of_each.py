"""Two web processes, two workers and two clocks together on one PostgreSQL and one Valkey of its own: no state in a process.

The main job goes through both web processes in turn while each upload is another job; races go between them.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import pydicom
import pytest
import sqlalchemy as sa
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid
from redis import Redis
from rq import Callback, Queue
from rq.serializers import JSONSerializer

from core import config
from core.accounts import login
from core.accounts.actions import by_phone
from core.app import create_app
from core.audit.verify import first_bad
from core.demo import seed
from core.run import migrate
from core.run.supervisor import valkey_command, wait_for_valkey
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.db import db
from tests import postgres
from tests.e2e.product import TELERAD, free_port

pytestmark = pytest.mark.slow
UPLOADS = 10


class Cluster:
    """The parts as an operator of a larger house starts them; every one of them twice."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder, self.database_url = folder, database_url
        (folder / "valkey").mkdir()
        self.redis_url = f"unix://{folder}/valkey/valkey.sock"
        self.env = {
            **os.environ, "TELERAD_DATA": str(folder / "data"), "TELERAD_DATABASE_URL": database_url,
            "TELERAD_REDIS_URL": self.redis_url, "TELERAD_WORKERS": "1", "TELERAD_THREADS": "4",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = (free_port(), free_port())

    def start(self) -> None:
        self._run("valkey", valkey_command(self.folder / "valkey"))
        wait_for_valkey(self.redis_url)
        for n, port in enumerate(self.ports):
            self._run(f"web{n}", [*TELERAD, "web", "--port", str(port)])
            self._run(f"worker{n}", [*TELERAD, "worker"])
            self._run(f"clock{n}", [*TELERAD, "clock"])
        end = time.monotonic() + 90
        for port in self.ports:
            while self.status(port) != 200:
                assert time.monotonic() < end, self.log("web0")[-2000:]
                time.sleep(0.3)

    def _run(self, name: str, command: list[str]) -> None:
        out = (self.folder / f"{name}.log").open("wb")
        self.processes[name] = subprocess.Popen(command, env=self.env, stdout=out, stderr=out, start_new_session=True)

    def status(self, port: int) -> int:
        with suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            return connection.getresponse().status
        return 0

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")

    def stop(self) -> None:
        for name in reversed(self.processes):
            process = self.processes[name]
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


class Person:
    """Somebody with a token, whose every next call goes to the other web process."""

    def __init__(self, cluster: Cluster, code: str, token: str) -> None:
        self.ports, self.root = cycle(cluster.ports), f"/api/v1/t/{code}"
        self.headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, json_body: Any = None, *, port: int = 0, body: bytes | None = None, **more: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", port or next(self.ports), timeout=60)
        headers = {**self.headers, **{k.replace("_", "-"): v for k, v in more.items()}}
        if json_body is not None:
            body, headers["Content-Type"] = json.dumps(json_body).encode(), "application/json"
        connection.request(method, self.root + path, body=body, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        is_json = "json" in (answer.headers.get("Content-Type") or "")
        return answer.status, json.loads(data) if is_json and data else data

    def must(self, method: str, path: str, json_body: Any = None, **more: Any) -> Any:
        status, said = self.call(method, path, json_body, **more)
        assert status < 300, (method, path, status, said)
        return said


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with postgres.running() as url:
        cluster = Cluster(folder, url)
        cluster.people = people(cluster)  # type: ignore[attr-defined]
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def people(cluster: Cluster) -> dict[str, Person]:
    """The demo's hospital and group, and tokens for who does the main job."""
    app = create_app(config.load({}, data=Path(cluster.env["TELERAD_DATA"]), testing=True, database_url=cluster.database_url))
    found = {}
    with app.app_context():
        migrate.upgrade(app.house)
        list(seed.seed(app.house, studies=False))
        with all_tenants() as session:
            ids = {t.code: t.id for t in session.scalars(sa.select(Tenant))}
            for person in seed.PEOPLE:
                account = by_phone(session, person.phone)
                assert account is not None
                token = login.make_token(account.id, ids[person.tenant], days=1)
                found.setdefault(f"{person.tenant[0]}.{person.role}", Person(cluster, person.tenant, token))
        db.engine.dispose()
    return found


def image(n: int) -> tuple[bytes, str]:
    data = pydicom.dcmread(str(get_testdata_file("MR_small.dcm", download=False)))
    uid = str(generate_uid())[:40].rstrip(".")
    data.PatientName, data.PatientID = f"Test^{n}", f"P{n:04d}"
    data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID = uid, f"{uid}.1", f"{uid}.1.1"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    out = io.BytesIO()
    data.save_as(out)
    return out.getvalue(), uid


def send(person: Person, n: int) -> tuple[str, str]:
    """Upload one image. :return: the upload's id and the study's UID"""
    data, uid = image(n)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.dcm"\r\n\r\n'
    body = head + data + b"\r\n--x--\r\n"
    made = person.must("POST", "/uploads", body=body, Content_Type="multipart/form-data; boundary=x")
    return str(made["id"]), uid


def until(what: Any, seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)
    return found


def at_once(*calls: Any) -> list[Any]:
    """Make calls in threads of this process at the same instant; they go to different web processes."""
    gate, results = threading.Barrier(len(calls)), [None] * len(calls)

    def go(n: int, call: Any) -> None:
        gate.wait()
        results[n] = call()

    threads = [threading.Thread(target=go, args=(n, call)) for n, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    return results


def test_the_main_job_goes_through_both_webs_and_both_workers(cluster: Any) -> None:
    who = cluster.people
    sent = [send(who["H.technician"], n) for n in range(UPLOADS)]
    for upload, _ in sent:
        done = until(lambda upload=upload: (u := who["H.technician"].must("GET", f"/uploads/{upload}"))["state"] == "done" and u)
        assert done["counts"]["stored"] == 1
    mine = {s["study_instance_uid"]: s["id"] for s in who["H.doctor"].must("GET", "/studies")["items"]}
    assert set(mine) >= {uid for _, uid in sent}
    jobs = [cluster.log(f"worker{n}").count('"job done"') for n in (0, 1)]
    assert sum(jobs) >= UPLOADS and min(jobs) >= 1, jobs
    request = drive(who, mine[sent[0][1]])
    pdf = until(lambda: _pdf(who["H.doctor"], request))
    assert pdf.startswith(b"%PDF-")
    assert broken_chains(cluster) == []


def drive(who: dict[str, Person], study: str) -> str:
    """The whole consultation, each step at the other web process. :return: the request's id"""
    words = {"findings": "双肺纹理清晰。", "impression": "未见异常。", "positive": False}
    body = {"study_id": study, "group": "GDEMO", "parts": [{"name": "胸部"}], "purpose": "常规"}
    seen = who["H.doctor"].must("POST", "/requests", body)
    for role, event, facts in (
        ("G.reader", "accept", {}), ("G.reader", "open", {}), ("G.reader", "send_to_review", words),
        ("G.reviewer", "start_review", {}), ("G.reviewer", "approve", {}), ("H.doctor", "confirm", None),
    ):
        if facts is None:
            facts = {"sha256": who[role].must("GET", f"/requests/{seen['id']}")["report"]["sha256"]}
        seen = who[role].must("POST", f"/requests/{seen['id']}/{event}", {"version": seen["version"], **facts})
    assert seen["state"] == "CONFIRMED"
    return str(seen["id"])


def _pdf(person: Person, request: str) -> bytes:
    status, data = person.call("GET", f"/requests/{request}/report.pdf")
    return data if status == 200 else b""


def broken_chains(cluster: Any) -> list[str]:
    app = create_app(config.load({}, data=cluster.folder / "data", testing=True, database_url=cluster.database_url))
    with app.app_context(), all_tenants() as session:
        bad = [t.code for t in session.scalars(sa.select(Tenant)) if first_bad(session, t.id) is not None]
    with app.app_context():
        db.engine.dispose()
    return bad


def test_of_many_who_accept_at_both_webs_one_wins(cluster: Any) -> None:
    who, (first, second) = cluster.people, cluster.ports
    upload, uid = send(who["H.technician"], 90)
    until(lambda: who["H.technician"].must("GET", f"/uploads/{upload}")["state"] == "done")
    study = next(s["id"] for s in who["H.doctor"].must("GET", "/studies")["items"] if s["study_instance_uid"] == uid)
    body = {"study_id": study, "group": "GDEMO", "parts": [{"name": "胸部"}]}
    made = at_once(*(
        lambda port=port: who["H.doctor"].call("POST", "/requests", body, port=port, Idempotency_Key="one") for port in (first, second, first, second)
    ))
    statuses = sorted(status for status, _ in made)
    assert statuses.count(201) >= 1 and set(statuses) <= {201, 409}, made
    ids = {said["id"] for status, said in made if status == 201}
    assert len(ids) == 1, "one key, one request"
    request = ids.pop()
    roles = ("G.reader", "G.reviewer", "G.admin", "G.reader")
    taken = at_once(*(
        lambda role=role, port=port: who[role].call("POST", f"/requests/{request}/accept", {"version": 1}, port=port)
        for role, port in zip(roles, (first, second, second, first), strict=True)
    ))
    assert sorted(status for status, _ in taken).count(200) == 1, taken
    assert {status for status, _ in taken} == {200, 409}
    assert broken_chains(cluster) == []


def test_neither_a_master_nor_a_worker_keeps_a_connection_to_the_database(cluster: Any) -> None:
    """Connections are made after the fork: two processes on one would mix their answers."""
    for name in ("web0", "web1", "worker0", "worker1"):
        assert database_sockets(cluster, cluster.processes[name].pid) == [], name


def database_sockets(cluster: Any, pid: int) -> list[str]:
    """Sockets of a process whose other end is the database server's socket."""
    held = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    inodes = {m[1] for link in held if (m := re.fullmatch(r"socket:\[(\d+)\]", link))}
    listed = subprocess.run(["ss", "-xnp"], capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if ".s.PGSQL" in line and any(f" {i} " in f" {line} " for i in inodes)]


def test_a_forged_job_runs_nothing_and_the_workers_go_on(cluster: Any) -> None:
    connection, spoor = Redis.from_url(cluster.redis_url), cluster.folder / "forged"
    forged = Queue("telerad", connection=connection, serializer=JSONSerializer)
    for _ in range(2):
        forged.enqueue("os.system", f"touch {spoor}")
    forged.enqueue("subprocess.check_output", ["touch", str(spoor)])
    forged.enqueue("intake.process_upload", "not a row", on_success=Callback("os.system"), on_failure=Callback("os.system"))
    Queue("telerad", connection=connection).enqueue("os.system", f"touch {spoor}")  # pickled
    until(lambda: connection.llen("rq:queue:telerad") == 0)
    upload, _ = send(cluster.people["H.technician"], 91)
    until(lambda: cluster.people["H.technician"].must("GET", f"/uploads/{upload}")["state"] == "done")
    assert not spoor.exists()
    assert sum(cluster.log(f"worker{n}").count('"job refused"') for n in (0, 1)) >= 3
    assert [cluster.processes[f"worker{n}"].poll() for n in (0, 1)] == [None, None]


def test_an_emptied_queue_costs_seconds_and_no_job(cluster: Any) -> None:
    connection = Redis.from_url(cluster.redis_url)
    connection.flushall()
    upload, _ = send(cluster.people["H.technician"], 92)
    connection.flushall()
    until(lambda: cluster.people["H.technician"].must("GET", f"/uploads/{upload}")["state"] == "done")
