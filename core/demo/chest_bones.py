"""Bones of the chest, painted section by section."""

from __future__ import annotations

import numpy as np

from core.demo.canvas import Canvas, Point
from core.demo.chest_shape import FIRST_VERTEBRA, VERTEBRA, Build, Cage, breastbone_y, spine_y

CORTEX, MARROW, CARTILAGE, DISC = 780.0, 220.0, 130.0, 85.0
_RIBS = 12
_FLOATING = {10: 1.9, 11: 1.35}
"""Ribs that end free, and the angle where they do."""
_BONE_ENDS = 2.5
"""Angle where bone turns into cartilage."""


def paint_ribs(canvas: Canvas, cage: Cage, t: float, build: Build) -> None:
    """Paint the parts of twelve pairs of ribs that lie in a section; each falls as it runs to the front."""
    near = np.flatnonzero(np.abs(cage.distance) < 6)
    distance, angle = cage.distance.flat[near], cage.angle.flat[near]
    pixels = canvas.image.ravel()
    down = np.clip(angle / _BONE_ENDS, 0, 1)
    down = down * (0.55 + 0.45 * down * (3 - 2 * down))
    for rib in range(_RIBS):
        fall = min(45 + 11 * rib, 92) * build.rib_slope
        spine_end = FIRST_VERTEBRA + 8 + VERTEBRA * rib
        if not spine_end - 10 <= t <= spine_end + fall + 10:
            continue
        rise = np.maximum(angle - _BONE_ENDS, 0) * max(0, rib - 3) * 20 * build.rib_slope
        middle = spine_end + fall * down - rise
        inside = np.sqrt((distance / 3.7) ** 2 + ((t - middle) / 6.2) ** 2)
        inside = np.where(angle > _FLOATING.get(rib, 4.0), 9.0, inside)
        bony = np.clip((_BONE_ENDS + 0.05 - angle) * 12, 0, 1)
        outer, inner = (np.clip(0.5 - (inside - limit) * 3.2 / canvas.edge, 0, 1) for limit in (1.0, 0.62))
        value = CARTILAGE + bony * (CORTEX - CARTILAGE - inner * (CORTEX - MARROW))
        old = pixels[near]
        pixels[near] = old + outer * (value - old)
    canvas.image = pixels.reshape(canvas.image.shape)


def paint_spine(canvas: Canvas, t: float) -> None:
    """Paint a vertebra or a disc with canal, arch and processes."""
    y = spine_y(t)
    turn = (t - FIRST_VERTEBRA) / VERTEBRA
    phase = turn % 1.0
    width = float(np.interp(t, (-40, 0, 120, 325), (11, 14, 16, 22)))
    depth = width * 0.8
    waist = 1 - 0.1 * float(np.sin(np.pi * min(phase / 0.8, 1.0)))
    canal_y = y + depth + 8
    if phase < 0.8:
        end_plate = min(phase, 0.8 - phase) < 0.06
        canvas.ellipse(0, y, width * waist, depth * waist, CORTEX * 0.6)
        inner = 420.0 if end_plate else MARROW - 20
        canvas.ellipse(0, y, width * waist - 1.6, depth * waist - 1.6, inner, edge=1.5)
        canvas.ellipse(0, y + 5, 2.2, 4.0, 90.0, edge=3)
    else:
        canvas.ellipse(0, y, width, depth, DISC)
    _paint_arch(canvas, t, phase, width, canal_y)
    canvas.ellipse(0, canal_y, 10, 8.2, -60.0, edge=2)
    canvas.ellipse(0, canal_y - 0.5, 8, 7, 12.0)
    canvas.ellipse(0, canal_y - 0.5, 5, 4, 40.0, edge=1.5)


def _paint_arch(canvas: Canvas, t: float, phase: float, width: float, canal_y: float) -> None:
    if 0.1 < phase < 0.55:
        swell = float(np.sin(np.pi * (phase - 0.1) / 0.45)) ** 0.5
        for side in (-1, 1):
            canvas.tube(0, (side * 11.0, canal_y - 9, 0), (side * 12.5, canal_y + 4, 0), 3.6, CORTEX * 0.8)
            reach = 12 + 18 * swell
            canvas.tube(0, (side * 12.0, canal_y + 3, 0), (side * reach, canal_y + 11, 0), 4.6 * swell, CORTEX * 0.7)
            canvas.tube(0, (side * 12.0, canal_y + 3, 0), (side * reach, canal_y + 11, 0), 3.2 * swell, MARROW)
    else:
        for side in (-1, 1):
            canvas.tube(0, (side * 12.0, canal_y + 4, 0), (side * 15.0, canal_y + 8, 0), 4.2, CORTEX * 0.85)
            canvas.tube(0, (side * 13.5, canal_y + 6, 0), (side * 13.6, canal_y + 7, 0), 1.6, 150.0)
    for side in (-1, 1):
        canvas.tube(0, (side * 11.0, canal_y + 5, 0), (0, canal_y + 13, 0), 2.8, CORTEX * 0.85)
    tip = 16 + 14 * float(np.clip(np.sin(np.pi * phase), 0, 1))
    canvas.tube(0, (0, canal_y + 12, 0), (0, canal_y + tip, 0), 3.0, CORTEX * 0.8)
    canvas.tube(0, (0, canal_y + 13, 0), (0, canal_y + tip - 1, 0), 1.5, MARROW)


def paint_breastbone(canvas: Canvas, t: float) -> None:
    """Paint the manubrium, the body and the tip of the breastbone."""
    if not 58 <= t <= 222:
        return
    y = breastbone_y(t)
    width = float(np.interp(t, (58, 66, 90, 108, 112, 190, 204, 222), (18, 27, 22, 13, 16, 18, 9, 4)))
    if 107 < t < 111:
        canvas.ellipse(0, y, width, 5.5, CARTILAGE)
        return
    canvas.ellipse(0, y, width, 6.5, CORTEX * 0.7)
    canvas.ellipse(0, y, width - 1.6, 4.8, MARROW - 40)


def paint_shoulders(canvas: Canvas, t: float) -> None:
    """Paint collar bones, shoulder blades and the heads of the upper arms."""
    for side in (-1.0, 1.0):
        collar: list[Point] = [
            (side * 20, breastbone_y(64) - 2, 62),
            (side * 55, -52, 46),
            (side * 95, -30, 30),
            (side * 128, -2, 22),
            (side * 150, 12, 20),
        ]
        canvas.path(t, collar, 6.2, CORTEX)
        canvas.path(t, collar, 4.0, MARROW)
        canvas.ellipsoid(t, (side * 172, 20, 40), (23, 22, 25), CORTEX * 0.8)
        canvas.ellipsoid(t, (side * 172, 20, 40), (21, 20, 23), MARROW)
        _paint_blade(canvas, t, side)


def _paint_blade(canvas: Canvas, t: float, side: float) -> None:
    low = t - 30
    if 0 <= low <= 132:
        inner: Point = (side * (84 + 0.07 * low), 84 + 0.10 * low, 0)
        outer: Point = (side * (146 - 0.34 * low), 42 + 0.36 * low, 0)
        canvas.tube(0, inner, outer, 2.2, CORTEX * 0.75)
        canvas.tube(0, outer, (outer[0] - side * 2, outer[1] + 1, 0), 4.6, CORTEX * 0.8)
        canvas.tube(0, outer, (outer[0] - side * 2, outer[1] + 1, 0), 2.8, MARROW)
    canvas.ellipsoid(t, (side * 147, 34, 46), (7, 12, 18), CORTEX * 0.75, tilt=side * -0.5)
    canvas.ellipsoid(t, (side * 147, 34, 46), (5, 10, 16), MARROW, tilt=side * -0.5)
    ridge: list[Point] = [(side * 95, 92, 62), (side * 125, 82, 44), (side * 160, 50, 18), (side * 168, 28, 12)]
    canvas.path(t, ridge, 4.0, CORTEX * 0.8)
    canvas.path(t, ridge, 2.4, MARROW)
