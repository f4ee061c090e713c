"""A rule that does not hold. Plugins' checks yield these; ``reg.invariants`` names the check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Broken:
    """:param rule: ``I1`` to ``I12``, or ``<plugin>.<word>``; ``what`` holds ids and numbers, never names of people."""

    rule: str
    tenant_id: int
    what: str
