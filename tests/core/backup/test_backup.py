"""A backup made while the house works, looked at, put back, and let go."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from core import clock
from core.accounts import remember
from core.accounts.models import Account, LoginSession, Remember
from core.app import TeleradFlask
from core.audit.models import Audit
from core.audit.verify import first_bad
from core.backup import create, overdue, record, release, restore, vault, verify
from core.backup.vault import BackupRefused, Vault, make_key, vault_of
from core.tenancy.sessions import all_tenants, nobody
from core.work import clockwork, held
from core.work.models import Delivery, Lease, Outbox
from plugin_sdk.ids import row_id
from tests.core.backup.places import Place, new_database, new_place, open_place, stored, without_bytes
from tests.core.intake.objects import images

PLAIN = Vault()


@pytest.fixture
def place(app: TeleradFlask, database_url: str, tmp_path: Path) -> Iterator[Place]:
    with new_place(database_url, tmp_path / "house", studies=3) as made:
        yield made


def back(place: Place, backup: Path, tmp_path: Path, key: Vault = PLAIN) -> tuple[Path, str]:
    """Restore into a new place. :return: its folder and database"""
    data = tmp_path / "restored"
    url = new_database(place.url, data, "restored")
    restored = restore.put_back(backup, data, url, key)
    with open_place(data, url) as new:
        list(restore.settle(new.house, restored))
    return data, url


def one_file(backup: Path) -> Path:
    return next(p for p in sorted((backup / "files" / "store").rglob("*")) if p.is_file())


def flip(path: Path, at: int) -> None:
    """Change one bit."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


def test_a_backup_made_while_objects_arrive_has_the_bytes_of_every_row(place: Place, tmp_path: Path) -> None:
    def write() -> None:
        with place.app.app_context():
            for number, data in enumerate(images(34, studies=34)[20:]):
                place.add(tmp_path / f"late-{number}", [data])

    writer, rows = threading.Thread(target=write), []
    writer.start()
    while writer.is_alive():
        found = create.create(place.house, last := tmp_path / f"backup-{len(rows)}", PLAIN)
        assert found.problems is None
        rows.append(found.record.rows["instance"])
    writer.join()
    assert rows[0] < rows[-1] <= 20 and len(rows) > 3
    assert verify.verify(last, PLAIN, deep=True).good
    data, url = back(place, last, tmp_path)
    with open_place(data, url):
        assert len(stored()) == found.record.rows["instance"]
        assert without_bytes(data / "store") == []


def test_what_comes_back_is_what_was_there(place: Place, tmp_path: Path) -> None:
    before = stored()
    create.create(place.house, tmp_path / "backup", PLAIN)
    shutil.rmtree(place.data / "store")
    data, url = back(place, tmp_path / "backup", tmp_path)
    with open_place(data, url):
        assert stored() == before and len(before) == 6
        assert without_bytes(data / "store") == []
    assert not (data / restore.MARKER).exists()


def test_a_restore_ends_sessions_and_stands_in_every_log(place: Place, tmp_path: Path) -> None:
    place.world.technician.browser()
    create.create(place.house, tmp_path / "backup", PLAIN)
    data, url = back(place, tmp_path / "backup", tmp_path)
    with open_place(data, url), all_tenants() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LoginSession)) or 0 > 0
        assert session.scalar(sa.select(sa.func.count()).where(LoginSession.ended_at.is_(None))) == 0
        told = session.scalars(sa.select(Audit.tenant_id).where(Audit.kind == "backup.restored")).all()
        assert sorted(told) == sorted([place.world.hospital.id, place.world.group.id])
        assert [first_bad(session, tenant_id) for tenant_id in told] == [None, None]


def test_nothing_goes_out_of_a_restored_house_until_it_is_released(place: Place, tmp_path: Path) -> None:
    with all_tenants(write=True) as session:
        event = Outbox(event_id=row_id(), tenant_id=place.world.hospital.id, kind="Nothing", payload={}, at=clock.now())
        session.add(event)
        session.flush()
        session.add(Delivery(outbox_id=event.id, tenant_id=event.tenant_id, plugin="core", handler="nowhere:at_all", next_at=clock.now()))
    create.create(place.house, tmp_path / "backup", PLAIN)
    data, url = back(place, tmp_path / "backup", tmp_path)
    with open_place(data, url) as new:
        assert clockwork.tick(new.house) == 0
        said = list(release.report(new.house))
        assert any("1 x nowhere:at_all" in line for line in said), said
        assert release.release(new.house)
        assert clockwork.tick(new.house) > 0
        assert list(release.report(new.house)) == ["nothing is held"]


def test_only_an_empty_place_is_restored_into(place: Place, tmp_path: Path) -> None:
    create.create(place.house, tmp_path / "backup", PLAIN)
    used = tmp_path / "used"
    used.mkdir()
    (used / "something").touch()
    with pytest.raises(BackupRefused) as refused:
        restore.put_back(tmp_path / "backup", used, new_database(place.url, used, "restored"), PLAIN)
    assert "not empty" in str(refused.value.sentence)
    with pytest.raises(BackupRefused) as refused:
        restore.put_back(tmp_path / "backup", tmp_path / "new", place.url, PLAIN)
    assert "the database is not empty" in str(refused.value.sentence)


def test_an_encrypted_backup_holds_nothing_in_the_clear_and_opens_with_its_key_only(
    place: Place, tmp_path: Path
) -> None:
    make_key(tmp_path / "key")
    make_key(tmp_path / "other")
    key, other = vault_of(tmp_path / "key"), vault_of(tmp_path / "other")
    create.create(place.house, tmp_path / "backup", key)
    words = (b"DICM", b"SQLite format", b"PGDMP", place.world.hospital.name.encode(), f"{place.world.hospital.code}/o/".encode())
    for path in (tmp_path / "backup").rglob("*"):
        if path.is_file() and path.name != "backup.json":
            assert not any(word in path.read_bytes() for word in words), path
    assert verify.verify(tmp_path / "backup", key, deep=True).good
    for wrong in (PLAIN, other):
        with pytest.raises(BackupRefused) as refused:
            verify.verify(tmp_path / "backup", wrong, deep=False)
        assert "TELERAD_BACKUP_KEY gives" in str(refused.value.sentence)
    data, url = back(place, tmp_path / "backup", tmp_path, key)
    with open_place(data, url):
        assert without_bytes(data / "store") == [] and len(stored()) == 6


def test_files_of_the_base_are_linked_and_new_ones_are_copied(place: Place, tmp_path: Path) -> None:
    first = create.create(place.house, tmp_path / "first", PLAIN)
    place.add(tmp_path / "more", images(26, studies=26)[24:])
    second = create.create(place.house, tmp_path / "second", PLAIN, base=tmp_path / "first")
    assert (second.record.copied, second.record.linked) == (2, first.record.files)
    shutil.rmtree(tmp_path / "first")
    assert verify.verify(tmp_path / "second", PLAIN, deep=True).good


def test_a_backup_that_was_broken_off_is_none(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "input/output error")

    monkeypatch.setattr(record, "write", broken)
    with pytest.raises(OSError, match="input/output"):
        create.create(place.house, tmp_path / "backup", PLAIN)
    monkeypatch.undo()
    with pytest.raises(BackupRefused) as refused:
        verify.verify(tmp_path / "backup", PLAIN, deep=False)
    assert "unfinished" in str(refused.value.sentence)
    with pytest.raises(BackupRefused):
        create.create(place.house, tmp_path / "backup", PLAIN)
    assert create.create(place.house, tmp_path / "another", PLAIN).good
    assert list(place.data.glob("backup-*.tmp")) == []


def test_two_backups_do_not_run_at_once(place: Place, tmp_path: Path) -> None:
    assert clockwork.hold(create.RUNNING, "another", timedelta(minutes=10))
    with pytest.raises(BackupRefused) as refused:
        create.create(place.house, tmp_path / "backup", PLAIN)
    assert "another backup is running" in str(refused.value.sentence)


def test_a_file_that_is_missing_is_found_without_restoring(place: Place, tmp_path: Path) -> None:
    create.create(place.house, tmp_path / "backup", PLAIN)
    one_file(tmp_path / "backup").unlink()
    found = verify.verify(tmp_path / "backup", PLAIN, deep=False)
    assert [p.split(": ")[1] for p in found.problems or []] == ["is not there", "a row names it and it is not in the backup"]


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_bit_that_flipped_is_found_by_reading_and_stops_a_restore(
    place: Place, tmp_path: Path, encrypted: bool
) -> None:
    make_key(tmp_path / "key")
    key = vault_of(tmp_path / "key") if encrypted else PLAIN
    create.create(place.house, tmp_path / "backup", key)
    flip(one_file(tmp_path / "backup"), 3000)
    assert not verify.verify(tmp_path / "backup", key, deep=True).good
    with pytest.raises(BackupRefused) as refused:
        back(place, tmp_path / "backup", tmp_path, key)
    assert "changed" in str(refused.value.sentence)
    shutil.rmtree(tmp_path / "restored")
    url = new_database(place.url, tmp_path / "restored", "restored")
    restored = restore.put_back(tmp_path / "backup", tmp_path / "restored", url, key, damaged=True)
    assert len(restored.faults) == 1 and restored.files == 5


@pytest.mark.parametrize("how", ["cut", "bit"])
def test_a_snapshot_cut_short_or_changed_is_found(place: Place, tmp_path: Path, how: str) -> None:
    create.create(place.house, tmp_path / "backup", PLAIN)
    photograph = tmp_path / "backup" / "database"
    photograph.chmod(0o600)
    if how == "cut":
        os.truncate(photograph, photograph.stat().st_size - 4096)
    else:
        flip(photograph, photograph.stat().st_size // 2)
    assert verify.verify(tmp_path / "backup", PLAIN, deep=False).problems == ["database: changed or cut short"]
    with pytest.raises(BackupRefused):
        back(place, tmp_path / "backup", tmp_path)


def test_files_before_the_database_leave_rows_without_files_and_that_is_found(place: Place, tmp_path: Path) -> None:
    shutil.copytree(place.data / "store", tmp_path / "early" / "store")
    place.add(tmp_path / "more", images(26, studies=26)[24:])
    place.house.config = replace(place.house.config, data=tmp_path / "early")
    found = create.create(place.house, tmp_path / "backup", PLAIN)
    assert found.count == 2 and len(found.record.missing) == 2
    with all_tenants() as session:
        assert session.get(Lease, overdue.VERIFIED) is None


def test_bytes_that_rotted_in_the_store_are_named_and_not_passed_on(place: Place, tmp_path: Path) -> None:
    flip(next(p for p in (place.data / "store").rglob("*") if p.is_file()), 3000)
    found = create.create(place.house, tmp_path / "backup", PLAIN)
    assert found.count == 1 and "damaged" in (found.problems or [""])[0]


def test_a_changed_record_is_refused(place: Place, tmp_path: Path) -> None:
    create.create(place.house, tmp_path / "backup", PLAIN)
    path = tmp_path / "backup" / "backup.json"
    path.write_text(path.read_text().replace('"files": 6', '"files": 5'))
    with pytest.raises(BackupRefused) as refused:
        verify.verify(tmp_path / "backup", PLAIN, deep=False)
    assert "was changed" in str(refused.value.sentence)


@pytest.mark.parametrize("size", [0, 1, vault.CHUNK - 1, vault.CHUNK, vault.CHUNK + 1, 3 * vault.CHUNK])
def test_a_sealed_file_is_as_long_as_foretold_and_opens_under_its_own_name_only(tmp_path: Path, size: int) -> None:
    key, data = Vault(bytes(range(32))), os.urandom(size)
    key.put([data[:7], data[7:]], tmp_path / "a", "a")
    assert (tmp_path / "a").stat().st_size == key.stored_size(size)
    assert b"".join(key.get(tmp_path / "a", "a")) == data
    with pytest.raises(vault.Unsealable):
        list(key.get(tmp_path / "a", "b"))
    for cut in (1, vault.TAG + 1):
        os.truncate(tmp_path / "a", max(0, (tmp_path / "a").stat().st_size - cut))
        with pytest.raises(vault.Unsealable):
            list(key.get(tmp_path / "a", "a"))


def test_a_sealed_file_cut_at_a_chunk_does_not_open(tmp_path: Path) -> None:
    key = Vault(bytes(range(32)))
    key.put([bytes(2 * vault.CHUNK)], tmp_path / "a", "a")
    os.truncate(tmp_path / "a", key.stored_size(vault.CHUNK))
    with pytest.raises(vault.Unsealable):
        list(key.get(tmp_path / "a", "a"))


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("too short")
    for path in (tmp_path / "key", tmp_path / "none"):
        with pytest.raises(BackupRefused):
            vault_of(path)
    make_key(tmp_path / "made")
    with pytest.raises(BackupRefused):
        make_key(tmp_path / "made")
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600


def test_work_is_held_and_let_go_once(house: object) -> None:
    with all_tenants(write=True) as session:
        held.hold(session, "x")
        session.flush()
        assert held.since(session) is not None
        assert held.release(session)
        session.flush()
        assert held.since(session) is None
        assert not held.release(session)


def test_archived_entries_of_the_log_and_its_anchors_come_back_with_the_rest(place: Place, tmp_path: Path) -> None:
    config = place.house.config
    config.audit_archive.mkdir(parents=True)
    (config.audit_archive / "HTEST-ops-1-2.jsonl").write_text('{"seq": 1}\n', encoding="utf-8")
    config.audit_anchors.write_text('{"head": "x"}\n', encoding="utf-8")
    create.create(place.house, tmp_path / "backup", PLAIN)
    data, _ = back(place, tmp_path / "backup", tmp_path)
    assert (data / "audit" / "archive" / "HTEST-ops-1-2.jsonl").read_text(encoding="utf-8") == '{"seq": 1}\n'
    assert '{"head": "x"}' in (data / "audit" / "anchors.jsonl").read_text(encoding="utf-8")


def test_a_login_that_was_remembered_before_the_backup_is_forgotten_by_the_restore(place: Place, tmp_path: Path) -> None:
    with place.app.app_context(), nobody(write=True) as session:
        account = session.scalars(sa.select(Account.id)).first()
        assert account is not None
        remember.issue(session, account)
    create.create(place.house, tmp_path / "backup", PLAIN)
    data, url = back(place, tmp_path / "backup", tmp_path)
    with open_place(data, url), nobody() as session:
        assert session.scalars(sa.select(Remember)).all() == []
