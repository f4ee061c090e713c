"""A chest as a function: ask for any axial section at any resolution, in Hounsfield units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.demo.canvas import Canvas, Field, Point
from core.demo.chest_bones import paint_breastbone, paint_ribs, paint_shoulders, paint_spine
from core.demo.chest_organs import (
    AIR,
    BLOOD,
    FAT,
    HILA,
    MAIN_BRONCHI,
    MUSCLE,
    VEIN_ROOTS,
    paint_airways,
    paint_belly,
    paint_great_vessels,
)
from core.demo.chest_shape import Build, Cage, apex, cage, diaphragm, heart, mediastinum, spine_y, trunk
from core.demo.lung_tree import Branch, Tree, grow

LUNG = -850.0
NODULE: Point = (-80.0, -16.0, 92.0)
NODULE_DIAMETER = 8.2
"""A solid nodule in the upper lobe of the right lung, mm."""


class Chest:
    """One body. Equal seeds and builds give equal sections."""

    def __init__(self, seed: int, build: Build, *, nodule: bool = True) -> None:
        """Grow the trees of the lungs and draw the small irregularities of this body."""
        self.build = build
        self.nodule = nodule
        rng = np.random.default_rng([seed, 7])
        self._phase = rng.uniform(0, 2 * np.pi, 6).astype(np.float32)
        arteries: list[Branch] = []
        veins: list[Branch] = []
        bronchi: list[Branch] = []
        for side, sign in ((0, -1.0), (1, 1.0)):
            arteries += grow(HILA[side], self._places(rng, sign, 900), tip=0.68, exponent=2.6)
            veins += grow(VEIN_ROOTS[side], self._places(rng, sign, 480), tip=0.7, exponent=2.6)
            bronchi += grow(MAIN_BRONCHI[side], self._places(rng, sign, 46, depth=26), tip=1.2, exponent=3.0)
        self._vessels, self._bronchi = Tree(arteries + veins), Tree(bronchi)

    def _places(self, rng: np.random.Generator, sign: float, count: int, depth: float = 8.0) -> npt.NDArray[np.float64]:
        """Draw places in one lung at least `depth` mm under its surface."""
        low, high = (33, -85, 34), (130, 92, 280)
        x, y, t = rng.uniform(low, high, (count * 12, 3)).T.astype(np.float32)
        x *= sign
        centre = np.minimum(np.abs(x) - 30, heart(x, y, t, self.build) - 3)
        surface = _lungs(cage(x, y, t), -centre, t - apex(x, y), diaphragm(x, y) - t)
        return np.stack([x, y, t], axis=1)[surface < -depth][:count].astype(np.float64)

    def section(self, t: float, xs: npt.ArrayLike, ys: npt.ArrayLike, *, table: bool = False) -> Field:
        """Compute the section at `t` (mm from the first thoracic vertebra towards the feet).

        :param xs: pixel centres towards the left, mm of an adult
        :param ys: pixel centres towards the back, mm of an adult
        :param table: with the scanner's table under the patient
        """
        canvas = Canvas(xs, ys, background=AIR)
        if table:
            _paint_table(canvas)
        x, y = self._bend(canvas, t)
        ribs, dome = cage(x, y, t), diaphragm(x, y)
        self._paint_wall(canvas, x, y, t, ribs)
        canvas.fill(ribs.distance + 5, float(np.interp(t, (2, 26), (MUSCLE - 10, FAT + 8))), edge=1.5)
        paint_belly(canvas, ribs, t, dome)
        self._paint_lungs(canvas, x, y, t, ribs, dome)
        self._paint_heart(canvas, x, y, t)
        paint_great_vessels(canvas, t)
        paint_airways(canvas, t)
        paint_spine(canvas, t)
        paint_ribs(canvas, ribs, t, self.build)
        paint_breastbone(canvas, t)
        paint_shoulders(canvas, t)
        return canvas.image

    def _bend(self, canvas: Canvas, t: float) -> tuple[Field, Field]:
        """Shift places by a few millimetres so that no outline is a perfect curve."""
        p, x, y = self._phase, canvas.x, canvas.y
        shift_x = 1.8 * np.sin(y / 29 + p[0] + t / 60) + 0.9 * np.sin(y / 13 + p[1] - t / 41)
        shift_y = 1.8 * np.sin(x / 31 + p[2] + t / 70) + 0.9 * np.sin(x / 14 + p[3] + t / 37)
        return x + shift_x, y + shift_y

    def _paint_wall(self, canvas: Canvas, x: Field, y: Field, t: float, ribs: Cage) -> None:
        """Paint skin, fat under it and the muscles outside the ribs."""
        skin = trunk(x, y, t)
        if self.build.breasts:
            skin = np.minimum(skin, _breasts(x, y, t))
        canvas.fill(skin, 10.0)
        canvas.fill(skin + 2, FAT)
        if self.build.breasts:
            canvas.fill(_breasts(x, y, t, shrink=16) + 4 * np.sin(x / 3) * np.sin(y / 4 + t / 5), 25.0, edge=6)
        fat = self.build.fat * (0.8 + 0.4 * np.sin(x / 60 + self._phase[4]) ** 2)
        limit, seam = _muscle_depth(ribs.angle, t)
        muscle = np.maximum(skin + fat.astype(np.float32), ribs.distance - limit)
        canvas.fill(muscle, MUSCLE + 4)
        seam_value = float(np.interp(t, (20, 75), (MUSCLE - 25, FAT + 10)))
        wave = 1.5 * np.sin(ribs.angle * 7 + self._phase[5] + t / 25)
        canvas.fill(np.maximum(np.abs(ribs.distance - seam - wave) - 1.1, muscle), seam_value, edge=2)
        canvas.fill(np.maximum(np.abs(ribs.distance - limit * 0.62 + wave * 2) - 1.0, muscle), seam_value + 25, edge=3)
        canvas.fill(np.abs(ribs.distance) - 5, MUSCLE - 5)
        back = spine_y(t) + 36
        for side in (-1, 1):
            canvas.ellipse(side * 27.0, back, 23, 15, FAT + 20)
            canvas.ellipse(side * 27.0, back, 21.5, 13.5, MUSCLE)
            canvas.ellipse(side * 20.0, back - 2, 1.0, 9, FAT + 30, tilt=side * 0.5, edge=2)

    def _paint_lungs(self, canvas: Canvas, x: Field, y: Field, t: float, ribs: Cage, dome: Field) -> None:
        centre = np.minimum(mediastinum(x, y, t), heart(x, y, t, self.build) - 3)
        lungs = _lungs(ribs, -centre, t - apex(x, y), dome - t)
        if lungs.min() > 3:
            return
        air = LUNG + 0.30 * y + 14 * np.sin(x / 9 + t / 7) * np.sin(y / 8 - t / 9)
        canvas.fill(lungs, air.astype(np.float32))
        fissure = np.abs((t - 175) * 0.6 + (y + 10) * 0.75 + 5 * np.sin(x / 30)) - 0.5
        canvas.fill(np.maximum(fissure, lungs + 1), -690.0, edge=1.6)
        if abs(t - 146) < 8:
            level = np.abs(t - 146 - 3 * np.sin(x / 25) - 3 * np.sin(y / 20)) - 0.6
            canvas.fill(np.maximum(np.maximum(level, x + 30), np.maximum(lungs + 1, y - 15)), -760.0, edge=2.5)
        self._bronchi.paint_hollow(canvas, t, wall=0.38, wall_value=-150.0, lumen=-950.0)
        self._vessels.paint(canvas, t, 30.0)
        if self.nodule:
            canvas.tube(t, NODULE, NODULE, NODULE_DIAMETER / 2, 35.0)
            for angle in (0.4, 1.7, 3.1, 4.6):
                end = (NODULE[0] + 7 * float(np.cos(angle)), NODULE[1] + 7 * float(np.sin(angle)), NODULE[2] + 1)
                canvas.tube(t, NODULE, end, 0.6, -200.0 if abs(t - NODULE[2]) > 3 else 10.0, taper=0.3)

    def _paint_heart(self, canvas: Canvas, x: Field, y: Field, t: float) -> None:
        outline = heart(x, y, t, self.build)
        if outline.min() > 4:
            return
        under = (t - diaphragm(x, y) + 3) * np.float32(0.8)
        canvas.fill(np.maximum(outline - 2.2, under), MUSCLE)
        canvas.fill(np.maximum(outline - 1, under), FAT + 10)
        thickness = 2.5 + 2.5 * np.sin(x / 17 + t / 20) * np.cos(y / 19)
        canvas.fill(np.maximum(outline + thickness, under + 3), BLOOD)
        groove = np.abs(x * 0.75 + y * 0.65 + 8 - 0.25 * (t - 185)) - 1.6
        canvas.fill(np.maximum(np.maximum(groove, outline), -outline - 15), FAT + 30, edge=2)


def _lungs(ribs: Cage, outside: Field, under_apex: Field, over_dome: Field) -> Field:
    """Signed distance to the lungs, mm, negative inside."""
    ends = np.maximum(-under_apex, -over_dome) * np.float32(0.75)
    distance: Field = np.maximum(np.maximum(ribs.distance + 5.5, outside), ends)
    return distance


def _muscle_depth(angle: Field, t: float) -> tuple[Field, Field]:
    """How far muscle reaches outside the ribs, and where its first fat plane runs, mm."""
    chest_muscle = float(np.interp(t, (20, 60, 120, 165, 180), (40, 34, 20, 10, 0)))
    side_muscle = float(np.interp(t, (20, 60, 140, 220, 325), (60, 42, 24, 14, 12)))
    back_muscle = float(np.interp(t, (0, 40, 150, 200, 325), (60, 44, 26, 12, 10)))
    limit = 4 + chest_muscle * np.exp(-(((angle - 2.35) / 0.5) ** 2))
    limit += side_muscle * np.exp(-(((angle - 1.25) / 0.45) ** 2))
    limit += back_muscle * np.exp(-(((angle - 0.55) / 0.5) ** 2))
    limit += float(np.interp(t, (20, 45, 68), (120, 50, 0)))
    return limit.astype(np.float32), (4.5 + limit * 0.28).astype(np.float32)


def _breasts(x: Field, y: Field, t: float, shrink: float = 0.0) -> Field:
    squared = ((np.abs(x) - 78) / (62 - shrink)) ** 2 + ((y + 88) / (52 - shrink)) ** 2
    squared = squared + ((t - 165) / (58 - shrink)) ** 2
    return ((np.sqrt(squared) - 1) * (52 - shrink)).astype(np.float32)


def _paint_table(canvas: Canvas) -> None:
    depth = canvas.y - (124 - (canvas.x / 16) ** 2 * 0.12)
    width = np.abs(canvas.x) - 205
    canvas.fill(np.maximum(np.maximum(-depth, depth - 16), width), -560.0)
    canvas.fill(np.maximum(np.maximum(2 - depth, depth - 14), width + 3), -930.0)
