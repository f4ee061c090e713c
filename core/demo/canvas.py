"""Painting soft-edged shapes, given in millimetres, onto one cross-section."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Field: TypeAlias = npt.NDArray[np.floating[Any]]
Point: TypeAlias = tuple[float, float, float]


class Canvas:
    """One axial section: x grows to the patient's left, y to the back, both in millimetres."""

    def __init__(self, xs: npt.ArrayLike, ys: npt.ArrayLike, *, background: float) -> None:
        """Start from an even background; `xs` and `ys` are evenly spaced pixel centres in mm."""
        self.x: Field = np.asarray(xs, dtype=np.float32)[None, :]
        self.y: Field = np.asarray(ys, dtype=np.float32)[:, None]
        self.dx = float(self.x[0, 1] - self.x[0, 0])
        self.dy = float(self.y[1, 0] - self.y[0, 0])
        self.edge = float(np.sqrt(self.dx * self.dy))
        self.image: Field = np.full((self.y.size, self.x.size), background, dtype=np.float32)

    def cover(self, distance: Field, *, edge: float = 0.0) -> Field:
        """Turn a signed distance (mm, negative inside) into a share of each pixel, 0 to 1."""
        share: Field = np.clip(0.5 - distance / np.float32(max(self.edge, edge)), 0, 1, dtype=np.float32)
        return share

    def fill(self, distance: Field, value: float | Field, *, edge: float = 0.0) -> None:
        """Blend a value in where a signed distance over the whole section is negative."""
        self.image += self.cover(distance, edge=edge) * (value - self.image)

    def window(self, x0: float, x1: float, y0: float, y1: float) -> tuple[slice, slice] | None:
        """Pixels that may be touched by a box given in mm, or None outside the section."""
        margin = self.edge + max(self.dx, self.dy)
        columns = self._span(x0 - margin, x1 + margin, float(self.x[0, 0]), self.dx, self.x.size)
        rows = self._span(y0 - margin, y1 + margin, float(self.y[0, 0]), self.dy, self.y.size)
        if columns.start >= columns.stop or rows.start >= rows.stop:
            return None
        return rows, columns

    @staticmethod
    def _span(low: float, high: float, origin: float, step: float, count: int) -> slice:
        return slice(max(0, int((low - origin) // step)), min(count, int((high - origin) // step) + 2))

    def ellipse(
        self, cx: float, cy: float, rx: float, ry: float, value: float, *, tilt: float = 0.0, edge: float = 0.0
    ) -> None:
        """Paint a filled ellipse; `tilt` turns it, in radians, from x towards y."""
        if min(rx, ry) <= 0:
            return
        reach = max(rx, ry) + edge
        box = self.window(cx - reach, cx + reach, cy - reach, cy + reach)
        if box is None:
            return
        rows, columns = box
        dx, dy = self.x[:, columns] - cx, self.y[rows] - cy
        if tilt:
            cos, sin = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
            dx, dy = dx * cos + dy * sin, dy * cos - dx * sin
        distance = (np.sqrt((dx / rx) ** 2 + (dy / ry) ** 2) - 1) * min(rx, ry)
        self._blend(box, self.cover(distance, edge=edge), value)

    def ellipsoid(
        self, t: float, centre: Point, axes: Point, value: float, *, tilt: float = 0.0, edge: float = 0.0
    ) -> None:
        """Paint where the plane at `t` cuts an ellipsoid whose axes are half lengths in mm."""
        share = 1 - ((t - centre[2]) / axes[2]) ** 2
        if share > 0:
            root = float(np.sqrt(share))
            self.ellipse(centre[0], centre[1], axes[0] * root, axes[1] * root, value, tilt=tilt, edge=edge)

    def tube(
        self, t: float, start: Point, end: Point, radius: float, value: float, *, taper: float = 1.0, edge: float = 0.0
    ) -> None:
        """Paint where the plane at `t` cuts a rod with round ends; `taper` scales the radius at its end."""
        reach = radius * max(1.0, taper) + edge
        if not min(start[2], end[2]) - reach <= t <= max(start[2], end[2]) + reach:
            return
        box = self.window(
            min(start[0], end[0]) - reach,
            max(start[0], end[0]) + reach,
            min(start[1], end[1]) - reach,
            max(start[1], end[1]) + reach,
        )
        if box is None:
            return
        rows, columns = box
        ax, ay, at = (e - s for s, e in zip(start, end, strict=True))
        px, py, pt = self.x[:, columns] - start[0], self.y[rows] - start[1], t - start[2]
        length = ax * ax + ay * ay + at * at
        along = np.clip((px * ax + py * ay + pt * at) / max(length, 1e-6), 0, 1, dtype=np.float32)
        distance = np.sqrt((px - along * ax) ** 2 + (py - along * ay) ** 2 + (pt - along * at) ** 2)
        self._blend(box, self.cover(distance - radius * (1 + (taper - 1) * along), edge=edge), value)

    def path(self, t: float, points: Sequence[Point], radius: float, value: float, *, edge: float = 0.0) -> None:
        """Paint a tube through several points."""
        for start, end in pairwise(points):
            self.tube(t, start, end, radius, value, edge=edge)

    def _blend(self, box: tuple[slice, slice], share: Field, value: float) -> None:
        part = self.image[box]
        part += share * (np.float32(value) - part)


def resize(image: Field, rows: int, columns: int) -> Field:
    """Resample an image by Catmull-Rom interpolation, edges repeated."""
    return _stretch(_stretch(image, rows).T, columns).T


def _stretch(image: Field, count: int) -> Field:
    old = image.shape[0]
    at = (np.arange(count) + 0.5) * old / count - 0.5
    base = np.floor(at).astype(int)
    f = (at - base).astype(np.float32)[:, None]
    taps = [image[np.clip(base + k, 0, old - 1)] for k in (-1, 0, 1, 2)]
    weights = (
        ((-0.5 * f + 1) * f - 0.5) * f,
        (1.5 * f - 2.5) * f * f + 1,
        ((-1.5 * f + 2) * f + 0.5) * f,
        (0.5 * f - 0.5) * f * f,
    )
    total = np.zeros((count, image.shape[1]), dtype=np.float32)
    for weight, tap in zip(weights, taps, strict=True):
        total += weight * tap
    return total


def blur(image: Field, radius: int) -> Field:
    """Average twice over a square of 2 * radius + 1 pixels, which is close to a Gaussian."""
    for _ in range(2):
        image = _box(_box(image, radius).T, radius).T
    return image


def _box(image: Field, radius: int) -> Field:
    padded = np.pad(image, ((radius + 1, radius), (0, 0)), mode="edge")
    total = np.cumsum(padded, axis=0, dtype=np.float64)
    width = 2 * radius + 1
    return ((total[width:] - total[:-width]) / width).astype(np.float32)
