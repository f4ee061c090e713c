"""A head as a function, painted with the grey values of CT or of T1-weighted MR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.demo.canvas import Canvas, Field

TOP, BOTTOM = 5.0, 119.0
"""Extent along the body, mm under the crown."""


@dataclass(frozen=True)
class Greys:
    """What each tissue looks like."""

    air: float
    skin: float
    fat: float
    muscle: float
    skull: float
    marrow: float
    fluid: float
    grey: float
    white: float


CT_GREYS = Greys(-1000, 40, -90, 55, 1150, 520, 8, 39, 29)
"""Hounsfield units, plain."""
T1_GREYS = Greys(4, 420, 940, 300, 30, 260, 95, 340, 520)
"""Arbitrary units, spin echo."""


class Head:
    """One head. Equal seeds give equal sections."""

    def __init__(self, seed: int, greys: Greys) -> None:
        """Draw the directions of the folds of this brain."""
        rng = np.random.default_rng([seed, 17])
        self.greys = greys
        self._waves = rng.normal(0, 1, (7, 3)).astype(np.float32)
        self._waves /= np.linalg.norm(self._waves, axis=1, keepdims=True) * rng.uniform(3.6, 6.0, (7, 1))
        self._phase = rng.uniform(0, 2 * np.pi, 7).astype(np.float32)

    def section(self, t: float, xs: npt.ArrayLike, ys: npt.ArrayLike) -> Field:
        """Compute the section at `t` mm under the crown; x to the left, y to the back, mm."""
        grey = self.greys
        canvas = Canvas(xs, ys, background=grey.air)
        x, y = canvas.x, canvas.y
        if t > 92:
            self._paint_face(canvas, t)
        scalp = _egg(x, y, t, 78, 96, 98)
        canvas.fill(scalp, grey.skin)
        canvas.fill(scalp + 1.6, grey.fat)
        canvas.fill(scalp + 5 - 2 * np.abs(np.sin(np.arctan2(x, y))), grey.muscle, edge=1.5)
        bone = _egg(x, y, t, 72, 90, 92)
        canvas.fill(bone, grey.skull)
        canvas.fill(np.abs(bone + 3.2) - 0.9 - 0.6 * np.sin(x / 11) * np.cos(y / 13), grey.marrow, edge=1.0)
        inside = _egg(x, y, t, 65, 83, 85.5)
        canvas.fill(inside, grey.fluid)
        if t > 106:
            self._paint_base(canvas, t)
        self._paint_brain(canvas, t, inside)
        return canvas.image

    def _folds(self, x: Field, y: Field, t: float) -> Field:
        """A field whose zeros wander like furrows; steepness about 1 per 4 mm."""
        total = np.zeros((y.size, x.size), dtype=np.float32)
        for (fx, fy, ft), phase in zip(self._waves, self._phase, strict=True):
            total += np.sin(np.abs(x) * fx + y * fy + t * ft + phase + np.float32(0.25) * (x > 0))
        return total

    def _paint_brain(self, canvas: Canvas, t: float, inside: Field) -> None:
        grey, x, y = self.greys, canvas.x, canvas.y
        base = float(np.interp(t, (96, 112, 122), (200, 34, 0)))
        brain = np.maximum(inside + 2.0, 1.4 - np.abs(x))
        if t > 96:
            temporal = np.hypot((np.abs(x) - 40) / 1.0, (y + 8) / 1.5) - float(np.interp(t, (96, 130), (48, 6)))
            frontal = np.hypot(x / 1.2, y + 48) - float(np.interp(t, (96, 116), (60, 4)))
            brain = np.maximum(brain, np.minimum(np.minimum(temporal, frontal), np.abs(y) - base))
        folds = self._folds(x, y, t)
        depth = np.clip(1 - (-brain) / 21, 0, 1)
        furrow = (0.42 * depth - np.abs(folds)) * 3.0
        matter = np.maximum(brain, furrow)
        canvas.fill(brain, grey.fluid)
        canvas.fill(matter, grey.grey)
        ribbon = np.maximum(brain + 4.2, furrow + 2.6 * np.clip(depth * 2, 0.3, 1))
        canvas.fill(ribbon, grey.white, edge=1.6)
        falx = np.maximum(np.abs(x) - 0.7, float(np.interp(t, (56, 62), (-10, 36))) - np.abs(y - 2))
        canvas.fill(np.maximum(falx, inside + 1), 0.5 * (grey.grey + grey.muscle), edge=1.5)
        self._paint_kernels(canvas, t)
        if t > 92:
            self._paint_hindbrain(canvas, t)

    def _paint_kernels(self, canvas: Canvas, t: float) -> None:
        grey = self.greys
        for side in (-1.0, 1.0):
            canvas.ellipsoid(t, (side * 25, -6, 80), (8, 19, 17), grey.grey, tilt=side * 0.3, edge=1.5)
            canvas.ellipsoid(t, (side * 11, 10, 80), (9, 14, 13), grey.grey * 0.97 + grey.white * 0.03, edge=1.5)
            canvas.ellipsoid(t, (side * 13, -22, 74), (5, 9, 15), grey.grey, tilt=side * 0.4)
            canvas.path(t, [(side * 9, -32, 74), (side * 8, -14, 64), (side * 12, 14, 61)], 5.5, grey.fluid)
            canvas.path(t, [(side * 12, 14, 61), (side * 22, 30, 70), (side * 24, 36, 80)], 6.0, grey.fluid)
            canvas.path(t, [(side * 22, 30, 74), (side * 18, 52, 76)], 3.2, grey.fluid)
            canvas.path(t, [(side * 36, -16, 86), (side * 52, 0, 84), (side * 58, 14, 74)], 1.8, grey.fluid, edge=2)
        canvas.ellipsoid(t, (0, 6, 82), (1.8, 15, 12), grey.fluid)
        canvas.path(t, [(0, -36, 72), (0, -20, 55), (0, 10, 52), (0, 26, 60)], 3.6, grey.white)

    def _paint_hindbrain(self, canvas: Canvas, t: float) -> None:
        grey = self.greys
        canvas.ellipsoid(t, (0, 44, 118), (56, 37, 29), grey.fluid, edge=1.5)
        for side in (-1.0, 1.0):
            canvas.ellipsoid(t, (side * 26, 44, 118), (28, 33, 27), grey.grey)
            canvas.ellipsoid(t, (side * 21, 42, 118), (15, 15, 15), grey.white, edge=4)
        canvas.ellipsoid(t, (0, 48, 116), (9, 24, 22), grey.grey)
        stem = float(np.interp(t, (96, 112, 130), (13, 15, 9)))
        canvas.path(t, [(0, 14, 92), (0, 14, 112), (0, 22, 160)], stem, grey.white)
        canvas.ellipse(0, 29, 6, 3.2, grey.fluid)

    def _paint_face(self, canvas: Canvas, t: float) -> None:
        grey = self.greys
        nose = float(np.interp(t, (92, 105, 128, 142), (0, 8, 20, 14)))
        canvas.ellipse(0, -92 - nose / 2, 9, 12 + nose / 2, grey.skin)
        canvas.ellipse(0, -70, 54, 27, grey.skin)
        canvas.ellipse(0, -70, 52.4, 25.4, grey.fat)

    def _paint_base(self, canvas: Canvas, t: float) -> None:
        """Paint eyes, nose, sinuses and the bone of the base with its air cells."""
        grey = self.greys
        canvas.ellipse(0, -56, 56, 34, grey.muscle)
        for side in (-1.0, 1.0):
            canvas.tube(0, (side * 62, 12, 0), (side * 16, -4, 0), 9, grey.skull)
            canvas.tube(0, (side * 60, -34, 0), (side * 16, -6, 0), 3.5, grey.skull)
            for cell in range(7):
                canvas.ellipse(side * (50 + 5 * (cell % 3)), 12 + 4.5 * (cell // 3), 2, 1.8, grey.air, edge=1.5)
            canvas.ellipsoid(t, (side * 33, -66, 122), (20, 24, 19), grey.skull)
            canvas.ellipsoid(t, (side * 33, -68, 122), (18, 24, 17.5), grey.fat)
            canvas.ellipsoid(t, (side * 33, -76, 121), (12.5, 12.5, 12.5), grey.muscle)
            canvas.ellipsoid(t, (side * 33, -76, 121), (11.4, 11.4, 11.4), grey.fluid)
            canvas.ellipsoid(t, (side * 33, -85, 121), (4.5, 2, 4.5), grey.muscle + 20)
            canvas.path(t, [(side * 31, -64, 121), (side * 12, -34, 120)], 2.0, grey.muscle)
            canvas.ellipse(side * 5.5, -62, 3.6, 17, grey.air)
        canvas.ellipse(0, -26, 12, 9, grey.skull)
        canvas.ellipse(0, -26, 10, 7, grey.air)


def _egg(x: Field, y: Field, t: float, a: float, b: float, c: float) -> Field:
    """Signed distance to a skull-like egg, wider at the back, mm."""
    height = min((t - 98) / c, 0.0) if t < 98 else 0.25 * (t - 98) / c
    wide = a * (1 + 0.07 * np.tanh(y / 40))
    ratio = np.sqrt((x / wide) ** 2 + (y / b) ** 2 + height**2)
    return ((ratio - 1) * min(a, c)).astype(np.float32)
