"""What the doctor sees, one thing broken at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core import clock, config
from core.app import TeleradFlask, create_app
from core.host import faults
from core.host.ledger import Tally
from core.host.models import PluginFault
from core.run import doctor, migrate, packages
from core.run.doctor import Finding
from core.tenancy import actions as tenancy
from core.tenancy.models import Tenant
from core.tenancy.sessions import all_tenants
from plugin_sdk.db import db

KEY = "k3J9-xQ2mVt7RbL0wZyA5sDf8gHu1iOp"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TeleradFlask:
    app = create_app(config.load({"TELERAD_SECRET_KEY": KEY}, data=tmp_path_factory.mktemp("doctor"), testing=True))
    with app.app_context():
        migrate.upgrade(app.house)
    return app


@pytest.fixture
def seen(made: TeleradFlask) -> Iterator[object]:
    with made.app_context():
        yield lambda: {f.name: f for f in doctor.examine(made.house)}


def levels(found: dict[str, Finding], level: str) -> set[str]:
    return {name for name, f in found.items() if f.level == level}


def test_a_sound_house_lacks_only_the_queue_that_does_not_run(seen) -> None:  # type: ignore[no-untyped-def]
    found = seen()
    assert levels(found, "bad") == {"queue"}
    for name in ("config data", "limit page_rows", "versions", "plugin consultation", "entry points", "package core", "data folder",
                 "data disk", "address", "storage", "database synchronous", "database foreign_keys", "database journal_mode",
                 "database version", "clock", "schema core", "schema consultation", "schema"):
        assert name in found, name
    assert "Python 3." in found["versions"].said


def test_secrets_are_masked_and_say_where_they_came_from(seen) -> None:  # type: ignore[no-untyped-def]
    found = seen()
    assert found["config secret_keys"].said == "**** (TELERAD_SECRET_KEY)"
    assert KEY not in "".join(f.said for f in found.values())


def test_a_plugin_that_did_not_start_is_bad_and_says_for_whom(seen, made: TeleradFlask, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    with all_tenants(write=True) as session:
        hospital = tenancy.create(session, made.house, code="HSEEN", kind="hospital", name="医院")
        hospital.plugins = {**hospital.plugins, "gone_away": "on"}
    monkeypatch.setitem(made.house.plugins.broken, "viewer", "load: ImportError: gone")
    try:
        found = seen()
        assert found["plugin viewer"] == Finding("plugin viewer", "bad", "did not start: load: ImportError: gone")
        assert found["plugin viewer in use"].said == "did not start; what needs it is refused for HSEEN"
        assert found["plugin gone_away in use"] == Finding("plugin gone_away in use", "bad", "not installed, its rows wait; on for HSEEN")
    finally:
        with all_tenants(write=True) as session:
            session.execute(sa.update(Tenant).where(Tenant.code == "HSEEN").values(plugins={}))


def test_a_plugin_that_fails_often_is_a_warning_that_names_the_place(seen, made: TeleradFlask) -> None:  # type: ignore[no-untyped-def]
    at = clock.now()
    faults.write(made.house, {("viewer", "slot study.tab"): Tally(calls=10, ms=1.0, failed=[at] * 10, error="KeyError")})
    try:
        found = seen()["plugin viewer lately"]
        assert (found.level, found.said) == (
            "warn", f"degraded: 10 failures, the last in slot study.tab: KeyError, {at:%Y-%m-%d %H:%M} UTC; on for nobody")
    finally:
        with all_tenants(write=True) as session:
            session.execute(sa.delete(PluginFault))


def distribution(folder: Path, name: str, *files: str) -> Path:
    """Installed into a folder, as pip leaves it."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "RECORD").write_text("".join(f"{f},,\n" for f in files))
    return folder


def test_another_distribution_with_a_name_of_ours_is_bad(seen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.syspath_prepend(distribution(tmp_path, "corelib", "core/tools.py", "my_plugins/x.py"))
    found = seen()
    assert found["package core"] == Finding("package core", "bad", "also shipped by corelib")
    assert found["package plugins"].level == "ok"


@pytest.mark.parametrize("command", ["web", "worker", "clock", "run"])
def test_the_product_does_not_start_beside_a_distribution_that_ships_a_package_of_ours(tmp_path: Path, command: str) -> None:
    beside = distribution(tmp_path / "site", "corelib", "plugins/__init__.py")
    there = {**os.environ, "PYTHONPATH": f"{packages.SOURCE}{os.pathsep}{beside}", "TELERAD_DATA": str(tmp_path / "data")}
    ended = subprocess.run([sys.executable, "-m", "core.cli", command], env=there, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "package plugins: also shipped by corelib"
    assert "Traceback" not in ended.stderr


def test_one_of_our_names_that_is_imported_from_elsewhere_is_bad(seen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(packages, "SOURCE", tmp_path)
    found = seen()
    assert found["package transfer"].level == "bad" and found["package transfer"].said.startswith("imported from /")


def test_an_entry_point_that_is_declared_and_not_installed_is_bad(seen, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    real = doctor.entry_points
    monkeypatch.setattr(doctor, "entry_points", lambda group: [p for p in real(group=group) if p.name != "viewer"])
    assert seen()["entry points"].level == "bad" and "viewer" in seen()["entry points"].said


def test_a_store_that_cannot_be_written_is_bad(seen, made: TeleradFlask) -> None:  # type: ignore[no-untyped-def]
    store = made.house.config.blobs
    store.mkdir(exist_ok=True)
    store.rename(store.with_name("aside"))
    store.write_text("no folder")
    try:
        assert seen()["storage"].level == "bad"
    finally:
        store.unlink()
        store.with_name("aside").rename(store)


def test_a_disk_below_the_reserve_is_bad_and_a_tight_one_a_warning(seen, made: TeleradFlask, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    gb = 1024**3
    for free, level in ((gb, "bad"), (9 * gb, "warn"), (50 * gb, "ok")):
        monkeypatch.setattr(type(made.house.disk), "free", lambda self, free=free: (free, 100 * gb))
        assert seen()["storage"].level == level, free


@pytest.mark.sqlite
def test_a_database_that_does_not_sync_is_bad(seen) -> None:  # type: ignore[no-untyped-def]
    def relax(connection: object, record: object) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")  # type: ignore[attr-defined]

    engine = db.engine
    sa.event.listen(engine, "connect", relax)
    engine.dispose()
    try:
        assert seen()["database synchronous"] == Finding("database synchronous", "bad", "1, must be 2")
    finally:
        sa.event.remove(engine, "connect", relax)
        engine.dispose()


def test_a_schema_behind_the_newest_is_bad(seen) -> None:  # type: ignore[no-untyped-def]
    with db.engine.begin() as connection:
        at = connection.scalar(sa.text("SELECT version_num FROM alembic_version_core"))
        connection.execute(sa.text("UPDATE alembic_version_core SET version_num = '0001'"))
    try:
        found = seen()["schema core"]
        assert found.level == "bad" and "telerad db upgrade" in found.said
    finally:
        with db.engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version_core SET version_num = :at"), {"at": at})


def test_a_clock_far_from_the_databases_is_bad(seen, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    from datetime import timedelta

    monkeypatch.setattr(clock, "drift", lambda session: timedelta(seconds=-61))
    assert seen()["clock"] == Finding("clock", "bad", "61.0 s from the database's")


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /srv/images nfs4 rw 0 0
//nas/x /srv/with\\040space cifs rw 0 0
tmpfs /srv/images/tmp tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/var/lib/telerad", "ext4"), ("/srv/images", "nfs4"), ("/srv/images/t/x", "nfs4"), ("/srv/images/tmp/y", "tmpfs"),
     ("/srv/with space/z", "cifs"), ("/srv/imagesque", "ext4")],
)
def test_the_disk_under_a_path_is_found(path: str, kind: str) -> None:
    assert doctor.file_system(Path(path), MOUNTS) == kind


def test_data_on_a_network_disk_warns(seen, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(doctor, "file_system", lambda path: "nfs4")
    found = seen()["data disk"]
    assert found.level == "warn" and found.ok and "network disk" in found.said


@pytest.mark.parametrize(
    ("key", "said"),
    [("changeme", "published"), ("Telerad", "published"), ("x" * 40, "weak"), ("short-Key-1", "weak"), (f"{KEY},secret", "published")],
)
def test_a_published_or_weak_secret_stops_the_start(tmp_path: Path, key: str, said: str) -> None:
    with pytest.raises(config.BadConfig) as caught:
        config.load({"TELERAD_SECRET_KEY": key}, data=tmp_path)
    assert said in str(caught.value.sentence)


def test_the_key_made_at_the_first_start_is_strong_and_kept(tmp_path: Path) -> None:
    first, second = (config.load({}, data=tmp_path).secret_keys for _ in range(2))
    assert first == second and len(first[0]) >= 48
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
