"""Lines of the log: constant sentences, known fields, nobody's name."""

from __future__ import annotations

import json
import logging

import pytest

from core.web.logs import JsonLines
from tests.canary import WatchedLog


def written(message: str, *args: object, name: str = "core.test", **extra: object) -> dict[str, object]:
    record = logging.LogRecord(name, logging.INFO, "x.py", 1, message, args, None)
    record.__dict__.update(extra)
    found: dict[str, object] = json.loads(JsonLines().format(record))
    return found


def test_only_fields_on_the_list_pass() -> None:
    line = written("study received", study_id=7, patient_name="测试甲", name_of="x")
    assert line["study_id"] == 7
    assert set(line) == {"at", "level", "logger", "message", "study_id"}


def test_arguments_of_ours_are_not_put_into_the_sentence() -> None:
    assert written("study of %s received", "某某")["message"] == "study of %s received"
    assert written("listening on %s", "port", name="gunicorn.error")["message"] == "listening on port"


def test_an_exceptions_text_is_left_out_its_class_and_places_stay() -> None:
    try:
        raise ValueError("病人某某")
    except ValueError as error:
        record = logging.LogRecord("core.test", logging.ERROR, "x.py", 1, "failed", (), (type(error), error, error.__traceback__))
    line = JsonLines().format(record)
    assert "病人某某" not in line and json.loads(line)["error"] == "ValueError"
    assert json.loads(line)["trace"][0].endswith("test_an_exceptions_text_is_left_out_its_class_and_places_stay")


@pytest.mark.parametrize("leak", ["测试甲", "Kanarienvogel7"])
def test_the_watch_of_all_tests_sees_a_name(watched_log: WatchedLog, leak: str) -> None:
    logging.getLogger("core.test").warning(f"received {leak}")
    logging.getLogger("urllib3").warning("asked for %s", leak)
    logging.getLogger("core.test").warning("received", extra={"reason": leak})
    assert len(watched_log.take()) == 3
    logging.getLogger("core.test").warning("received", extra={"patient": leak})
    assert watched_log.take() == []
