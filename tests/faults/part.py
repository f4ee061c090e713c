"""``python -m tests.faults.part web|worker|clock``: one of the product's processes, with the story's probe on board."""

from __future__ import annotations

import sys
from functools import partial

from core import config
from core.app import create_app
from core.run import processes
from tests.faults.story import Probe


def main() -> None:
    processes.create_app = partial(create_app, extra=(Probe,))  # type: ignore[assignment]
    {"worker": processes.worker, "clock": processes.clock}[sys.argv[1]](config.load())


if __name__ == "__main__":
    main()
