"""Ids of another tenant outside the path: in bodies, forms, cursors, jobs and events. Each walk names what leaked or moved."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields as fields_of
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import g
from pydantic import BaseModel
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from core import clock
from core.intake.models import Upload
from core.lists import engine
from core.studies.models import Study
from core.tenancy.sessions import all_tenants
from core.work import jobs, runner
from core.work.deliver import deliver_due
from core.work.models import Delivery, Job, Outbox
from plugin_sdk.errors import Invalid
from plugin_sdk.events import DomainEvent
from plugin_sdk.lists import ListSpec
from plugins.consultation.models import Request
from tests.contract import matrix, stage
from tests.contract.matrix import Case, call, plain, url
from tests.contract.requests_made import request_of
from tests.contract.stage import MARK, UNKNOWN, Stage

THEIRS: Mapping[str, Callable[[Stage], str]] = {
    "study": lambda s: s.ids["theirs"]["study"],
    "request": lambda s: s.ids["theirs"]["request"],
    "capture": lambda s: s.ids["theirs"]["capture"],
    "upload": lambda s: s.ids["theirs"]["upload"],
    "notice": lambda s: s.ids["theirs"]["notice.hospital"],
    "account": lambda s: s.theirs.reader.account.public_id,
    "tenant": lambda s: s.theirs.group.code,
}
"""An id of the other world by what it names."""
CURSORS = ("after", "before", "at")
WORD: Mapping[tuple[str, str], str] = {
    ("consultation_api.act", "images"): "send_to_review", ("consultation_api.act", "reader"): "assign",
}
"""The event whose body means a field."""
Ready = Callable[[Stage, Case], dict[str, str]]


class Watch:
    """Rows and files of both worlds before; says what is different after."""

    def __init__(self, staged: Stage) -> None:
        self.staged = staged
        self.rows = [stage.rows_of(w) for w in (staged.mine, staged.theirs)]
        self.files = stage.files_of(staged.app)

    def moved(self, *, but: frozenset[str] = frozenset()) -> list[str]:
        """:param but: tables of ours that the carrier itself writes (the job's own row)"""
        found = []
        for name, world, old in zip(("ours", "theirs"), (self.staged.mine, self.staged.theirs), self.rows, strict=True):
            tables = [t for t in stage.changed(old, stage.rows_of(world)) if name == "theirs" or t not in but]
            found += [f"changed {tables} of {name}"] if tables else []
        return found + (["left or took files"] if stage.files_of(self.staged.app) != self.files else [])


# Bodies and forms.


def bodies(app: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    for endpoint, view in app.view_functions.items():
        if isinstance(getattr(view, "body", None), type):
            yield endpoint, view.body


def fields(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each field of a body and of what lies in it, with the resource that it names."""
    for name, info in model.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        yield (*path, name), str(extra.get("ref", ""))
        for inner in (info.annotation, *getattr(info.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from fields(inner, (*path, name))


def place(body: Any, path: tuple[str, ...], value: str) -> None:
    """Put an id where the path says: beside ours in a list, into the last of many objects."""
    name, rest = path[0], path[1:]
    if rest:
        place(body[name][-1] if isinstance(body[name], list) else body[name], rest, value)
    elif isinstance(body.get(name), list) or name.endswith(("s_ids", "_ids", "images")):
        body[name] = [*body.get(name, ()), value]
    else:
        body[name] = value


def walk_bodies(staged: Stage, found: list[Case], ready: Ready) -> tuple[int, list[str]]:
    """An otherwise valid body with one id of theirs: refused, and nothing is done, for ours neither."""
    cells, failures = 0, []
    for endpoint, model in bodies(staged.app):
        for path, ref in fields(model):
            word = WORD.get((endpoint, path[-1]), "")
            for case in [c for c in found if (c.rule.endpoint, c.word) == (endpoint, word)][: 1 if ref else 0]:
                ids = ready(staged, case)
                made = request_of(endpoint, case.word, ids, staged.mine)
                place(made["json"], path, THEIRS[ref](staged))
                cells += 1
                failures += _refused(staged, case, ids, made, ".".join(path))
    return cells, failures


def walk_forms(
    staged: Stage, found: list[Case], ready: Ready, forms: Mapping[str, Mapping[str, str]]
) -> tuple[int, list[str]]:
    """The same with forms: ``forms`` is endpoint to field to what the field names."""
    cells, failures = 0, []
    for endpoint, named in forms.items():
        for name, ref in named.items():
            case = next(c for c in found if c.rule.endpoint == endpoint)
            ids = ready(staged, case)
            made = request_of(endpoint, case.word, ids, staged.mine)
            place(made["data"], (name,), THEIRS[ref](staged))
            cells += 1
            failures += _refused(staged, case, ids, made, name)
    return cells, failures


def _refused(staged: Stage, case: Case, ids: Mapping[str, str], made: dict[str, Any], name: str) -> list[str]:
    watch = Watch(staged)
    where = url(staged, case, tenant=staged.tenant(case.side).code, ids=ids)
    answer = call(staged, case, where, staged.cards[case.card][case.side], ids, made=made)
    said = [f"changed nothing and answered {answer.status_code}"] if not _says_no(answer) else []
    if MARK in matrix.readable(answer):
        said.append("shows a text of the other tenant")
    return [f"{case} {name}: {line}" for line in (*said, *watch.moved())]


def _says_no(answer: TestResponse) -> bool:
    """A refusal, or a list of outcomes that are all refusals."""
    if answer.status_code != 200 or not answer.is_json:
        return answer.status_code in (400, 404, 409, 422)
    outcomes = {i["outcome"] for i in answer.get_json().get("items", ())}
    return outcomes == {"refused"}


# Cursors and filters.


def walk_cursors(staged: Stage, found: list[Case]) -> tuple[int, list[str]]:
    """``after``, ``before`` and ``at`` with an id of theirs: as if that id did not exist, on every page."""
    cells, failures = 0, []
    for case in found:
        if case.method != "GET" or "tenant" not in case.rule.arguments:
            continue
        home = url(staged, case, tenant=staged.tenant(case.side).code, ids=staged.ids["mine"])
        for name in CURSORS:
            for kind in ("study", "request"):
                cells += 1
                theirs, none = (
                    _normal(call(staged, case, f"{home}?{name}={v}", staged.cards["right"][case.side], staged.ids["mine"]), v)
                    for v in (THEIRS[kind](staged), UNKNOWN)
                )
                if theirs != none:
                    failures.append(f"{case} ?{name}=<their {kind}>: {theirs} / {none}")
                if MARK in theirs[1]:
                    failures.append(f"{case} ?{name}=<their {kind}>: shows a text of the other tenant")
    return cells, failures


def _normal(answer: TestResponse, value: str) -> tuple[int, str]:
    if answer.mimetype in ("application/pdf", "application/dicom") or answer.mimetype.startswith("multipart/"):
        return answer.status_code, str(MARK in matrix.readable(answer))
    return plain(answer, {"asked": value})


def lists() -> list[ListSpec]:
    """Every declared list of the house, wherever it stands."""
    return sorted((o for o in gc.get_objects() if isinstance(o, ListSpec)), key=lambda s: s.name)


def walk_lists(staged: Stage) -> tuple[int, list[str]]:
    """Each filter of each list with their values, and each order: nothing of theirs comes, whoever asks."""
    cells, failures = 0, []
    values = (MARK, *(of(staged) for of in THEIRS.values()), staged.ids["theirs"]["study_uid"], f"P{MARK}")
    for spec in lists():
        asked = [f"{f.key}={value}" for f in spec.filters for value in values]
        asked += [f"sort={sign}{c.key}" for c in spec.columns if c.sort is not None for sign in ("", "-")]
        for side in stage.SIDES:
            for query in asked:
                cells += 1
                failures += [f"{spec.name} as {side} ?{query}: a row of theirs" for _ in _rows(staged, spec, side, query)]
    return cells, failures


def _rows(staged: Stage, spec: ListSpec, side: str, query: str) -> list[Any]:
    """Rows of the other world that a list shows for a query; an unreadable value is fine."""
    theirs = {staged.theirs.hospital.id, staged.theirs.group.id}
    with staged.app.test_request_context(f"/?{query}"):
        g.ctx = staged.admin(side).ctx(write=False)
        try:
            rows = engine.page_of(spec, page=False).rows
        except Invalid:
            return []
        finally:
            g.ctx.close()
        return [r for r in rows if {getattr(r, n, None) for n in ("tenant_id", "hospital_id", "group_id")} & theirs]


# Jobs and events.


def raw_ids(world: Any, named: Mapping[str, str]) -> dict[str, Any]:
    """What arguments of jobs and fields of events may hold, by their name: ids of this world's things."""
    with world.app.app_context(), all_tenants() as db:
        study = db.scalars(sa.select(Study).where(Study.public_id == named["study"])).one()
        request = db.scalars(sa.select(Request.id).where(Request.public_id == named["request"])).one()
        upload = db.scalars(sa.select(Upload.id).where(Upload.public_id == named["upload"])).one()
    return {
        "request": request, "request_id": request, "study": study.public_id, "study_id": study.id, "study_ids": (study.id,),
        "upload": named["upload"], "export": named["export.hospital"], "upload_id": upload, "source_id": study.source_id, "user_id": world.reader.account.id,
        "series_ids": (study.id,), "link_id": world.link.id,
        "users": [world.reader.account.id], "ref": f"consultation:request:{named['request']}", "kind": "request.submitted",
        "channel": "none", "notice": named["notice.hospital"],
    }


def arguments(handler: Any) -> list[str]:
    """Names of a handler's arguments behind the ctx or the house."""
    return list(inspect.signature(handler).parameters)[1:]


def walk_jobs(staged: Stage) -> tuple[int, list[str]]:
    """Every registered job in our ctx with their ids: it does nothing. One for the whole platform takes no id at all."""
    cells, failures, house = 0, [], staged.app.house
    theirs = raw_ids(staged.theirs, staged.ids["theirs"])
    for name, spec in sorted(house.plugins.house.jobs.items()):
        needed = arguments(house.resolve(spec.dotted))
        if spec.cron is not None:
            failures += [f"job {name}: of every tenant, yet takes {needed}"] if needed else []
            continue
        if unknown := [n for n in needed if n not in theirs]:
            failures.append(f"job {name}: {unknown} is nothing that raw_ids makes")
            continue
        for side in stage.SIDES:
            cells += 1
            with _queued(staged, side, name, {n: theirs[n] for n in needed}):
                watch = Watch(staged)
                with staged.app.app_context():
                    assert runner.run_next(house), f"{name} did not run"
                failures += [f"job {name} as {side}: {line}" for line in watch.moved(but=frozenset({"job"}))]
    return cells, failures


@contextmanager
def _queued(staged: Stage, side: str, name: str, args: dict[str, Any]) -> Iterator[None]:
    """The only due job is one of ours; it is taken out afterwards, or it would be tried again."""
    staged.mine.drain()
    with staged.app.app_context(), all_tenants(write=True) as db:
        _put_off(db, Job)
        public_id = jobs.enqueue(db, staged.app.house.plugins.house, name, tenant_id=staged.tenant(side).id, **args)
        row_id = db.scalars(sa.select(Job.id).where(Job.public_id == public_id)).one()
        db.info.pop("ring", None)
    try:
        yield
    finally:
        with staged.app.app_context(), all_tenants(write=True) as db:
            db.execute(sa.delete(Job).where(Job.id == row_id))


def _put_off(db: Session, model: type[Job] | type[Delivery]) -> None:
    """What other tests left to be tried again would come due in the middle of a walk. Longer waits are taken for a clock that jumped."""
    db.execute(sa.update(model).values(next_at=clock.now() + timedelta(minutes=5)))


def walk_events(staged: Stage) -> tuple[int, list[str]]:
    """Every listener with an event of ours that names their things: it does nothing, and waits to be tried again."""
    cells, failures, house = 0, [], staged.app.house
    theirs = raw_ids(staged.theirs, staged.ids["theirs"])
    for _, declared in sorted(house.plugins.house.by_owner.items()):
        for kind, dotted in declared.listeners:
            for side in stage.SIDES:
                cells += 1
                with _delivery(staged, side, kind, dotted, declared.owner, theirs):
                    watch = Watch(staged)
                    with staged.app.app_context():
                        tried = deliver_due(house)
                        assert tried == 1, tried
                        runner.drain(house)  # it may have queued a job of ours, which does nothing either
                    failures += [f"{dotted} as {side}: {line}" for line in watch.moved(but=frozenset({"delivery", "job"}))]
    return cells, failures


@contextmanager
def _delivery(
    staged: Stage, side: str, kind: type[DomainEvent], dotted: str, owner: str, theirs: Mapping[str, Any]
) -> Iterator[None]:
    """The only due delivery is one of ours; it is taken out afterwards."""
    staged.mine.drain()
    own = {f.name for f in fields_of(DomainEvent)}
    given = {f.name: theirs.get(f.name, 1 if "int" in str(f.type) else "x") for f in fields_of(kind) if f.name not in own}
    event = kind(tenant_id=staged.tenant(side).id, **given)
    with staged.app.app_context(), all_tenants(write=True) as db:
        _put_off(db, Delivery)
        row = Outbox(event_id=event.id, tenant_id=event.tenant_id, kind=event.kind, payload=event.payload(),
                     at=staged.app.house.now())
        db.add(row)
        db.flush()
        delivery = Delivery(outbox_id=row.id, tenant_id=row.tenant_id, plugin=owner, handler=dotted, next_at=row.at)
        db.add(delivery)
        db.flush()
        ids = row.id, delivery.id
    try:
        yield
    finally:
        with staged.app.app_context(), all_tenants(write=True) as db:
            _forget(db, ids)


def _forget(db: Session, ids: Sequence[int]) -> None:
    db.execute(sa.delete(Delivery).where(Delivery.id == ids[1]))
    db.execute(sa.delete(Outbox).where(Outbox.id == ids[0]))
