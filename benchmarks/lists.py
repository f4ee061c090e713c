"""The study list over 100,000 studies: first page, deep page, every sort, the common filters, beside the same SQL bare.

    python -m benchmarks.lists [--studies 100000] [--postgresql]

`page` is the whole HTML page through the application, `rows` what the engine takes to fetch and map one page, `bare` the
same statement with the same values by the driver alone, in the same run. `plan` says how the database walks: by index,
or by sorting what the filters leave.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import g

from core import clock, config
from core.accounts import login
from core.accounts.actions import by_phone
from core.app import create_app
from core.demo import seed
from core.lists import engine
from core.run import migrate
from core.studies.lists import STUDIES
from core.studies.models import Patient, Study, StudyModality
from core.tenancy.sessions import all_tenants
from plugin_sdk.db import db
from plugin_sdk.ids import row_id

BATCH = 10_000
MODALITIES = ("CT", "MR", "DX", "US", "CR")
PARTS = ("CHEST", "HEAD", "ABDOMEN", "KNEE")


def fill(tenant_id: int, n: int) -> None:
    """Studies of the last 400 days, two per patient, spread over modalities, states and uploaders."""
    at = clock.now()
    with db.engine.begin() as connection:
        for start in range(0, n, BATCH):
            numbers = range(start, min(n, start + BATCH))
            patients = [
                {"tenant_id": tenant_id, "public_id": row_id(), "pid": f"B{i // 2:06d}", "seq": i % 2, "name": f"演示{i // 2}",
                 "pinyin": f"yanshi{i // 2:06d}", "sex": "MF"[i // 2 % 2], "phone": ""}
                for i in numbers
            ]
            connection.execute(sa.insert(Patient.__table__), patients)
            ids = [r for (r,) in connection.execute(
                sa.select(Patient.__table__.c.id).order_by(Patient.__table__.c.id.desc()).limit(len(patients))
            )][::-1]
            made = [_study(tenant_id, i, ids[k], at - timedelta(seconds=i * 345)) for k, i in enumerate(numbers)]
            connection.execute(sa.insert(Study.__table__), made)
            first = connection.execute(sa.select(sa.func.max(Study.__table__.c.id))).scalar_one() - len(made) + 1
            connection.execute(
                sa.insert(StudyModality.__table__),
                [{"tenant_id": tenant_id, "study_id": first + k, "modality": s["modalities"], "study_at": s["study_at"],
                  "uploaded_at": s["uploaded_at"]} for k, s in enumerate(made)],
            )
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")


def _study(tenant_id: int, i: int, patient_id: int, uploaded: Any) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id, "public_id": row_id(), "uid": f"1.2.3.{i}", "patient_id": patient_id, "accession": f"A{i * 7919 % 1_000_003:07d}",
        "study_date": date(2026, 1, 1), "study_at": (uploaded - timedelta(hours=i % 50)).strftime("%Y-%m-%d %H:%M:%S"),
        "uploaded_at": uploaded, "uploaded_day": uploaded.date(), "modalities": MODALITIES[i % 5], "body_part": PARTS[i % 4],
        "n_series": i % 9 + 1, "n_instances": i % 700, "complete_at": uploaded, "uploader": f"技师{i % 12}",
        "status": ("normal", "normal", "requested", "completed")[i % 4], "institution": "演示医院", "description": "", "device": "",
        "age": "58岁", "bytes": 0, "conflicted": False, "version": 0,
    }


@contextmanager
def caught() -> Iterator[list[tuple[str, Any]]]:
    """Statements of the list itself, as the driver gets them."""
    seen: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, values: Any, *rest: Any) -> None:
        if "FROM study" in statement and "LIMIT" in statement.upper() and "count(" not in statement:
            seen.append((statement, values))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)


def timed(call: Callable[[], object], times: int = 7) -> float:
    """Median, milliseconds."""
    call()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def plan_of(statement: str, values: Any) -> str:
    postgres = db.engine.dialect.name == "postgresql"
    with db.engine.connect() as connection:
        rows = connection.exec_driver_sql(("EXPLAIN " if postgres else "EXPLAIN QUERY PLAN ") + statement, values).all()
    text = " | ".join(str(r[-1]).strip() for r in rows)
    if postgres:
        return ("sorts; " if "Sort" in text else "") + ", ".join(dict.fromkeys(w for w in text.replace("|", " ").split() if w.startswith(("ix_", "uq_", "pk_")))) or "scans"
    return text


def measure(app: Any, client: Any, headers: dict[str, str], tenant: Any, account: Any, name: str, query: str) -> tuple[float, float, float]:
    def page() -> None:
        answer = client.get(f"/t/HDEMO/studies?{query}", headers=headers)
        assert answer.status_code == 200, answer.get_data(as_text=True)[:300]

    def rows() -> int:
        with app.test_request_context(f"/t/HDEMO/studies?{query}"):
            g.ctx = app.house.member_ctx(tenant, account, write=False)
            found = engine.page_of(STUDIES, page=True).rows
            g.ctx.close()
            return len(found)

    with caught() as seen:
        n = rows()
    statement, values = seen[-1]

    def bare() -> None:
        raw = db.engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute(statement, values)
            cursor.fetchall()
        finally:
            raw.close()

    figures = timed(page), timed(rows), timed(bare)
    print(f"{name:<34}{figures[0]:7.1f} {figures[1]:7.1f} {figures[2]:7.1f}  {n:4d}  {plan_of(statement, values)[:170]}", flush=True)
    return figures


def deep(client: Any, headers: dict[str, str], pages: int) -> str:
    """The cursor after so many pages of the whole list."""
    after = ""
    for _ in range(pages):
        answer = client.get(f"/api/v1/t/HDEMO/studies?limit=100{after}", headers=headers).get_json()
        after = f"&after={answer['next']}"
    return after


def asked(after: str) -> Iterator[tuple[str, str]]:
    everything = "uploaded_from="
    yield "first page, last day", ""
    yield "first page, everything", everything
    yield "page 200, everything", f"{everything}{after}"
    for column in STUDIES.columns:
        if column.sort is not None:
            yield f"sort {column.key}", f"{everything}&sort={column.key}"
            yield f"sort -{column.key}", f"{everything}&sort=-{column.key}"
    yield "sort -study_date, last 30 days", f"uploaded_from={(clock.now() - timedelta(days=30)).date()}&sort=-study_date"
    for query in ("accession_number=A0007919", "patient_id=B040000", "name=演示4321", "name=4321", "name=yanshi04", "sex=F",
                  "modality=CT", "modality=DR", "status=requested", "status=locked", "uploader=技师3", "study_from=2026-06-01",
                  "q=演示4321", "status=completed&modality=MR&sex=F"):
        yield query, query


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--studies", type=int, default=100_000)
    words.add_argument("--postgresql", action="store_true")
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        more: dict[str, Any] = {}
        if given.postgresql:
            import pgserver

            uri = pgserver.get_server(Path(folder) / "pg", cleanup_mode="delete").get_uri()
            more["database_url"] = uri.replace("postgresql://", "postgresql+psycopg://", 1)
        app = create_app(config.load({}, data=Path(folder) / "data", testing=True, **more))
        logging.disable(logging.WARNING)
        with app.app_context():
            migrate.upgrade(app.house)
            list(seed.seed(app.house, studies=False))
            tenant = app.house.tenant_by_code("HDEMO")
            started = time.perf_counter()
            fill(tenant.id, given.studies)
            print(f"{given.studies} studies in {time.perf_counter() - started:.0f} s, {db.engine.dialect.name}")
            with all_tenants() as session:
                account = by_phone(session, "13800000001")
            headers = {"Authorization": f"Bearer {login.make_token(account.id, tenant.id, days=1)}"}
            client = app.test_client()
            print(f"{'milliseconds, median of 7':<34}{'page':>7} {'rows':>7} {'bare':>7}  rows  plan")
            found = [measure(app, client, headers, tenant, account, *one) for one in asked(deep(client, headers, 200))]
        slowest = max(found)
        print(f"slowest page {slowest[0]:.0f} ms; rows to bare, median {statistics.median(r / b for _, r, b in found):.1f}")


if __name__ == "__main__":
    main()
