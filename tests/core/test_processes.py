"""How the parts run as processes: what is made before a fork, and what a queue can and cannot call."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from redis import Redis
from rq import Callback
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from core import config
from core.run.processes import Web
from core.tenancy.sessions import all_tenants
from core.work import jobs
from core.work.models import Job
from tests.conftest import World

MAKING = """
import gc, sys, threading
from pathlib import Path
from core import config
from core.app import create_app
from plugin_sdk.db import db

def now():
    gc.collect()
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

create_app(config.load({}, data=Path(sys.argv[1]), testing=True))  # imports
before = now()
app = create_app(config.load({}, data=Path(sys.argv[1]), testing=True))
with app.app_context():
    print(before, now(), db.engine.pool.status())
"""


def test_making_the_application_starts_no_thread_and_opens_no_connection(tmp_path: Path) -> None:
    """In a process of its own: here other tests' threads come and go."""
    said = subprocess.run([sys.executable, "-c", MAKING, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True).stdout
    found = re.fullmatch(r"(\(1, \d+\)) (\(1, \d+\)) (.*)\n", said)
    assert found is not None and found[1] == found[2], said
    assert "Connections in pool: 0" in found[3] or found[3] == "NullPool"
    assert not (tmp_path / "telerad.db").exists()


def test_the_web_makes_its_application_after_the_fork(tmp_path: Path) -> None:
    web = Web(config.load({}, data=tmp_path, testing=True), "127.0.0.1", 0)
    assert web.cfg.preload_app is False
    assert web.cfg.worker_class_str == "gthread"
    assert web.load() is not web.load(), "each process its own"


def made(kind: type[RqJob], name: str, **more: Any) -> RqJob:
    """A job as somebody could write it into the queue, read back by ``kind``."""
    nowhere = Redis.from_url("unix:///nowhere")
    written = RqJob.create(name, connection=nowhere, serializer=JSONSerializer, **more)
    read = kind(id=written.id, connection=nowhere, serializer=JSONSerializer)
    read.restore({k.encode(): v if isinstance(v, bytes) else str(getattr(v, "value", v)).encode() for k, v in written.to_dict().items()})
    return read


@pytest.mark.parametrize("name", ["os.system", "subprocess.check_output", "builtins.eval", "core.work.runner.work", "", "work.anyx"])
def test_a_job_that_nobody_registered_has_no_function(name: str) -> None:
    job = made(jobs.RegisteredJob, name)
    with pytest.raises(jobs.JobRefused):
        _ = job.func


def test_a_forged_callback_is_not_even_imported() -> None:
    forged: dict[str, Any] = {n: Callback("os.system") for n in ("on_success", "on_failure", "on_stopped")}
    plain, ours = (made(kind, "work.any", **forged) for kind in (RqJob, jobs.RegisteredJob))
    assert plain.success_callback is os.system, "the control: RQ alone would call it"
    assert (ours.success_callback, ours.failure_callback, ours.stopped_callback) == (None, None, None)


def test_the_queue_carries_json_and_nothing_else() -> None:
    queue = jobs.queue(Redis.from_url("unix:///nowhere"))
    assert queue.serializer is JSONSerializer and queue.job_class is jobs.RegisteredJob
    assert json.loads(JSONSerializer.dumps(["work.any", None, [], {}])) == ["work.any", None, [], {}]


def test_a_job_takes_a_registered_name_and_plain_arguments(world: World) -> None:
    house = world.app.house.plugins.house
    with world.app.app_context(), all_tenants() as session:
        with pytest.raises(KeyError):
            jobs.enqueue(session, house, "os.system", tenant_id=world.hospital.id)
        with pytest.raises(TypeError):
            jobs.enqueue(session, house, "intake.process_upload", tenant_id=world.hospital.id, upload=object())
        assert session.scalar(sa.select(sa.func.count()).select_from(Job).where(Job.tenant_id == world.hospital.id)) == 0
