"""What a comparison finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Difference:
    """:ivar kind: what differs, one word of the table in docs/operation.md; :ivar tenant: its code, '' for the house

    :ivar ref: what it is about; :ivar said: facts, never a name; :ivar mended: whether it is right again
    """

    kind: str
    tenant: str
    ref: str
    said: str = ""
    mended: bool = False

    def __str__(self) -> str:
        words = (self.kind, self.tenant, self.ref, self.said, "mended" if self.mended else "")
        return " ".join(word for word in words if word)
