"""The studies of the demo, drawn by a program: nothing is downloaded, nobody's images are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

from core.demo.chest_ct import chest_ct
from core.demo.chest_dx import chest_dx
from core.demo.head_series import head_ct, head_mr
from core.demo.identity import DemoPatient
from core.demo.ultrasound import abdomen_us

__all__ = [
    "DemoPatient",
    "PlannedStudy",
    "abdomen_us",
    "chest_ct",
    "chest_dx",
    "demo_studies",
    "head_ct",
    "head_mr",
    "planned_studies",
]


@dataclass(frozen=True)
class PlannedStudy:
    """A study that can be drawn."""

    name: str
    """Also the name of its folder."""
    patient: DemoPatient
    at: datetime
    """Local wall-clock time."""
    seed: int
    draw: Callable[..., list[Path]]
    """Writes it: `draw(folder, patient=, at=, seed=)`."""


def planned_studies(at: datetime) -> list[PlannedStudy]:
    """List the six studies of the demo, newest first.

    UIDs and patients do not depend on `at`, except that two of them are 5 days and 3 months old in their study.

    :param at: local wall-clock time of the newest study; the others lie up to three hours before
    """
    times = [at - timedelta(minutes=minutes) for minutes in (0, 25, 50, 90, 130, 175)]
    newborn = times[3].date() - timedelta(days=5)
    infant = _months_before(times[5].date(), 3)
    rows: list[tuple[str, DemoPatient, Callable[..., list[Path]]]] = [
        ("chest-ct", DemoPatient("演示甲^^", "DEMO0001", "M", date(1961, 3, 18), "GB18030"), chest_ct),
        ("chest-dx", DemoPatient("演示乙", "DEMO0002", "F", date(1984, 7, 2)), chest_dx),
        ("head-ct", DemoPatient("演示丙", "DEMO0003", "F", date(1957, 11, 30), "GB18030"), head_ct),
        ("newborn-dx", DemoPatient("演示丁", "DEMO0004", "M", newborn), partial(chest_dx, newborn=True)),
        ("head-mr", DemoPatient("演示戊", "DEMO0005", "F", date(1999, 1, 9)), head_mr),
        ("abdomen-us", DemoPatient("演示己", "DEMO0006", "O", infant), abdomen_us),
    ]
    return [
        PlannedStudy(name, patient, when, seed, draw)
        for seed, ((name, patient, draw), when) in enumerate(zip(rows, times, strict=True), start=1)
    ]


def demo_studies(folder: Path, at: datetime) -> Iterator[tuple[str, list[Path]]]:
    """Write the planned studies, each into a folder of its own; yield name and files as soon as one is there."""
    for study in planned_studies(at):
        yield study.name, study.draw(folder / study.name, patient=study.patient, at=study.at, seed=study.seed)


def _months_before(day: date, months: int) -> date:
    """The same day some months ago, at most the 28th."""
    month = day.year * 12 + day.month - 1 - months
    return date(month // 12, month % 12 + 1, min(day.day, 28))
