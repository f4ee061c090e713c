"""Commands as scripts see them: what they print and how they end."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from tests.shell import telerad


class Shell:
    """Commands on a data folder of their own."""

    def __init__(self, data: Path) -> None:
        self.env = {"TELERAD_DATA": str(data)}

    def run(self, *args: str) -> tuple[int, str, str]:
        return telerad(self.env, *args)


def test_the_command_is_a_module_and_a_script() -> None:
    for command in ([sys.executable, "-m", "core.cli"], [str(Path(sys.executable).parent / "telerad")]):
        done = subprocess.run([*command, "nothing"], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "No such command" in done.stderr


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    made = Shell(tmp_path_factory.mktemp("cli"))
    assert made.run("db", "upgrade")[0] == 0
    assert made.run("tenant", "create", "HCLI", "--kind", "hospital", "--name", "测试医院")[:2] == (0, "HCLI\n")
    assert made.run("user", "create", "13912345678", "--name", "测试", "--tenant", "HCLI", "--role", "doctor")[0] == 0
    return made


def test_the_doctor_ends_with_1_when_anything_is_wrong(shell: Shell) -> None:
    status, out, _ = shell.run("doctor")
    assert "BAD  queue" in out
    assert "ok   schema: 0 differences" in out
    assert status == 1


def test_the_doctor_masks_secrets(shell: Shell) -> None:
    key = (Path(shell.env["TELERAD_DATA"]) / "secret.key").read_text()
    _, out, _ = shell.run("doctor")
    assert key not in out and "****" in out


def test_a_schema_that_differs_ends_the_check_with_1(tmp_path: Path) -> None:
    empty = Shell(tmp_path)
    status, out, _ = empty.run("db", "check")
    assert status == 1 and "study" in out
    assert empty.run("db", "upgrade")[0] == 0
    assert empty.run("db", "check")[0] == 0


def test_a_database_of_a_later_version_is_left_alone_and_named(tmp_path: Path) -> None:
    later = Shell(tmp_path)
    assert later.run("db", "upgrade")[0] == 0
    with closing(sqlite3.connect(tmp_path / "telerad.db")) as database:
        database.execute("UPDATE alembic_version_core SET version_num = 'core_9999'")
        database.commit()
    status, _, said = later.run("db", "upgrade")
    assert status == 1
    assert said == "the database is at core_9999, which this version does not know: install the version that made it\n"


@pytest.mark.parametrize(
    ("args", "status", "sentence"),
    [
        (("tenant", "create", "HCLI", "--kind", "hospital", "--name", "x"), 1, "编码已被使用"),
        (("tenant", "create", "bad", "--kind", "hospital", "--name", "x"), 1, "编码为 2-16 位"),
        (("user", "create", "139", "--name", "x"), 1, "手机号应为 11 位数字"),
        (("token", "create", "13912345678", "NOPE"), 1, "no member of NOPE"),
        (("ingest", "setup.cfg", "--tenant", "NOPE"), 1, "没有此医院"),
        (("nonsense",), 2, "No such command"),
        (("user", "create", "13900000001", "--name", "x", "--tenant", "HCLI"), 2, "belong together"),
    ],
)
def test_a_refusal_is_one_sentence_and_1_and_a_misuse_is_2(
    shell: Shell, args: tuple[str, ...], status: int, sentence: str
) -> None:
    ended, out, said = shell.run(*args)
    assert (ended, out) == (status, "")
    assert sentence in said and "Traceback" not in said


@pytest.mark.feature("S-006")
def test_a_first_password_obeys_the_rule_and_is_printed_once(shell: Shell) -> None:
    args = ("user", "create", "13912345679", "--name", "测试乙", "--tenant", "HCLI", "--role", "technician")
    phone, password = shell.run(*args)[1].split()
    assert phone == "13912345679" and 8 <= len(password) <= 24
    assert shell.run(*args)[1].split() == ["13912345679"]


def test_tokens_are_made_and_taken_away_in_the_log_and_a_person_is_let_in_and_shut_out(shell: Shell) -> None:
    person = "13912345681"
    shell.run("user", "create", person, "--name", "测试丁", "--tenant", "HCLI", "--role", "technician")
    text = shell.run("token", "create", person, "HCLI")[1].strip()
    assert text.startswith("trt_") and len(text) == 47
    shell.run("token", "create", person, "HCLI")
    assert shell.run("token", "revoke", person, "HCLI", "--tail", text[-4:])[:2] == (0, "1\n")
    assert shell.run("token", "revoke", person, "HCLI")[:2] == (0, "1\n")
    assert shell.run("user", "admit", person, "--address", "192.0.2.1")[:2] == (0, f"{person}\n")
    assert shell.run("user", "disable", person)[:2] == (0, f"{person}\n")
    assert shell.run("user", "admit", "13912345699")[0] == 1


def test_ingest_prints_a_line_per_file_and_then_the_counts(shell: Shell) -> None:
    status, out, _ = shell.run("ingest", str(get_testdata_file("CT_small.dcm")), "setup.cfg", "--tenant", "HCLI")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [(x["name"], x["outcome"], x["reason"]) for x in lines[:-1]] == [
        ("CT_small.dcm", "stored", ""), ("setup.cfg", "refused", "not_dicom")
    ]
    assert lines[-1] == {"counts": {"files": 2, "stored": 1, "duplicate": 0, "held": 0, "refused": 1}}
