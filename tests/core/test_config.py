"""Where the embedded queue listens, however deep the data folder lies."""

from __future__ import annotations

import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from core import config
from core.config import BadConfig, socket_of
from core.run.supervisor import valkey_command, wait_for_valkey


@pytest.fixture
def deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose socket's path would be too long; short sockets go where this test can look."""
    with tempfile.TemporaryDirectory(prefix="t") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        folder = tmp_path / ("x" * 100)
        folder.mkdir()
        yield folder  # type: ignore[misc]


def test_the_queue_of_a_deep_data_folder_answers_at_a_short_path_that_is_ours_alone(deep: Path) -> None:
    url = config.load({}, data=deep).redis_url
    assert url == f"unix://{socket_of(deep)}" and len(url) < 108
    server = subprocess.Popen(valkey_command(deep), stdout=subprocess.DEVNULL)
    try:
        wait_for_valkey(url)
        assert stat.S_IMODE(socket_of(deep).parent.stat().st_mode) == 0o700
    finally:
        server.terminate()
        server.wait(10)


def test_a_folder_that_others_may_open_is_refused(deep: Path) -> None:
    socket_of(deep).parent.chmod(0o755)
    with pytest.raises(BadConfig) as caught:
        config.load({}, data=deep)
    assert "is not ours alone" in str(caught.value.sentence)


def test_the_socket_of_a_usual_folder_lies_in_it(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as short:
        assert socket_of(Path(short)) == Path(short) / "valkey.sock"
