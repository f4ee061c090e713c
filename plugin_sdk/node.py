"""What the forwarding node runs: destinations, entry points of the group ``telerad.node``, loaded by the node alone.

The node keeps queue, pauses between tries and receipts on its own disk; a destination sends, and says what became of
each object. Imports neither Flask nor SQLAlchemy. The node program itself does not exist yet: a destination can be
written against this page and tested, and nothing runs it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast

from .dicom import guard

GROUP = "telerad.node"


@dataclass(frozen=True, kw_only=True)
class NodeObject:
    """One DICOM file on the node's disk, exactly as the modality sent it. :param sha256: of the file's bytes"""

    path: Path
    sop_uid: str
    sop_class: str
    series_uid: str
    study_uid: str
    transfer_syntax: str
    sha256: str
    size: int

    @classmethod
    def read(cls, path: Path) -> NodeObject:
        """Look at a file as the node does when it takes one in.

        :raise plugin_sdk.dicom.refusals.Refused: no image, or a dangerous one
        """
        found = guard.check(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(
            path=path, sop_uid=found.sop_uid, sop_class=found.sop_class, series_uid=found.series_uid,
            study_uid=found.study_uid, transfer_syntax=found.transfer_syntax, sha256=digest, size=found.size,
        )


class Outcome(StrEnum):
    """What became of an object.

    ``DELIVERED``: it is durable at the other side, or was there before with the same bytes. ``RETRY``: line or other
    side are at fault; it is kept and tried again without end. ``PARKED``: it will never be taken, a person is told and
    the others go on. ``PAUSED``: the other side does not know us; the destination stops and its queue is kept.
    """

    DELIVERED = "delivered"
    RETRY = "retry"
    PARKED = "parked"
    PAUSED = "paused"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """:param why: a sentence for the node's page, empty when delivered"""

    sop_uid: str
    sha256: str
    outcome: Outcome
    why: str = ""


class Destination(Protocol):
    """Where a node sends to. One thread calls it at a time."""

    def check(self) -> str:
        """Try the connection, with whatever it takes to be let in. :return: '' or a sentence that says what is wrong"""
        ...

    def send(self, objects: Sequence[NodeObject]) -> Sequence[Delivery]:
        """Send objects of one study and answer for each.

        May be called again for what was delivered: an object is its SOP instance UID and its digest. Whatever this
        raises counts as ``RETRY`` for all. The files belong to the node and are only read.
        """
        ...


Factory = Callable[[Mapping[str, str]], Destination]
"""What an entry point names. It gets the destination's options, texts as typed, and raises ``ValueError`` with a sentence."""


def make_destination(kind: str, options: Mapping[str, str]) -> Destination:
    """Make a destination of an installed kind.

    :raise LookupError: nobody installed this kind
    :raise ValueError: an option is missing or cannot be read
    """
    found = next(iter(entry_points(group=GROUP, name=kind)), None)
    if found is None:
        raise LookupError(f"no destination of kind {kind} is installed")
    return cast(Factory, found.load())(options)
