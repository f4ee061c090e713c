"""A branching tree that fills a lung: arteries, veins and bronchi are each grown this way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.canvas import Canvas, Point


@dataclass(frozen=True)
class Branch:
    """A straight piece of a tree; radii in mm, thinner towards the end."""

    start: Point
    end: Point
    radius: float
    taper: float


def grow(
    root: Point, targets: npt.NDArray[np.float64], *, tip: float, exponent: float, detour: float = 0.35
) -> list[Branch]:
    """Join every target to the tree where that costs least, then size the branches by Murray's law.

    :param targets: points to reach, shape (n, 3), mm
    :param tip: radius of a last branch, mm
    :param exponent: a parent's radius to this power is the sum over its children
    :param detour: how much the way back to the root counts against a near parent
    """
    nodes = np.vstack([np.asarray(root)[None, :], targets[np.argsort(np.linalg.norm(targets - root, axis=1))]])
    way, parent = np.zeros(len(nodes)), np.zeros(len(nodes), dtype=int)
    for index in range(1, len(nodes)):
        step = np.linalg.norm(nodes[:index] - nodes[index], axis=1)
        parent[index] = int(np.argmin(step + detour * way[:index]))
        way[index] = way[parent[index]] + step[parent[index]]
    load = np.ones(len(nodes))
    children = np.bincount(parent[1:], minlength=len(nodes))
    load[children > 0] = 0.0
    for index in range(len(nodes) - 1, 0, -1):
        load[parent[index]] += load[index]
    radius = tip * load ** (1 / exponent)
    return [
        Branch(_point(nodes[parent[i]]), _point(nodes[i]), float(radius[i]), 0.9 if children[i] else 0.6)
        for i in range(1, len(nodes))
    ]


def _point(row: npt.NDArray[np.float64]) -> Point:
    return float(row[0]), float(row[1]), float(row[2])


class Tree:
    """Branches sorted so that a section finds the few that it cuts."""

    def __init__(self, branches: list[Branch]) -> None:
        """Keep the branches and their extent along the body."""
        self.branches = branches
        self.top = np.array([min(b.start[2], b.end[2]) - b.radius for b in branches])
        self.bottom = np.array([max(b.start[2], b.end[2]) + b.radius for b in branches])

    def paint(self, canvas: Canvas, t: float, value: float) -> None:
        """Paint the branches as solid vessels."""
        for branch in self._cut(t):
            canvas.tube(t, branch.start, branch.end, branch.radius, value, taper=branch.taper)

    def paint_hollow(self, canvas: Canvas, t: float, *, wall: float, wall_value: float, lumen: float) -> None:
        """Paint the branches as air-filled tubes; `wall` is a share of the radius."""
        for branch in self._cut(t):
            outer = branch.radius * (1 + wall)
            canvas.tube(t, branch.start, branch.end, outer, wall_value, taper=branch.taper)
        for branch in self._cut(t):
            canvas.tube(t, branch.start, branch.end, branch.radius, lumen, taper=branch.taper)

    def _cut(self, t: float) -> list[Branch]:
        return [self.branches[i] for i in np.flatnonzero((self.top - 1 <= t) & (t <= self.bottom + 1))]
