"""``python -m core.cli``: the same as ``telerad``."""

from core.cli import main

main()
