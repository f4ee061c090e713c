"""Soft parts of the chest: great vessels, airways, and what lies under the diaphragm."""

from __future__ import annotations

import numpy as np

from core.demo.canvas import Canvas, Field, Point
from core.demo.chest_shape import Cage, spine_y

AIR, FAT, MUSCLE, BLOOD = -1000.0, -100.0, 50.0, 45.0
LIVER, SPLEEN, KIDNEY = 60.0, 50.0, 32.0

CARINA = 116.0
HILA: tuple[Point, Point] = ((-36.0, 14.0, 140.0), (38.0, 14.0, 138.0))
"""Where arteries and bronchi enter the right and the left lung."""
VEIN_ROOTS: tuple[Point, Point] = ((-30.0, 8.0, 162.0), (34.0, 10.0, 160.0))
MAIN_BRONCHI: tuple[Point, Point] = ((-32.0, 19.0, 140.0), (38.0, 22.0, 148.0))


def paint_great_vessels(canvas: Canvas, t: float) -> None:
    """Paint aorta, caval vein, pulmonary artery and the branches of the arch."""
    down = float(np.interp(t, (108, 140, 200, 290), (26, 25, 22, 6)))
    if t >= 104:
        canvas.ellipse(down, spine_y(t) - 14 if t < 150 else spine_y(t) - 20 + 6, 12, 12, BLOOD)
    arch: list[Point] = [(-12, -22, 112), (-6, -12, 100), (10, 6, 95), (27, 20, 98), (28, 38, 112)]
    canvas.path(t, arch, 13, BLOOD)
    canvas.path(t, [(8, -28, 168), (-10, -30, 145), (-14, -26, 115)], 15, BLOOD)
    for start, end, radius in (
        ((-8, -14, 96), (-26, -6, 30), 6.0),
        ((6, 2, 94), (16, 4, -30), 4.2),
        ((18, 18, 94), (30, 16, 30), 5.0),
    ):
        canvas.tube(t, start, end, radius, BLOOD)
    canvas.path(t, [(-27, -14, 60), (-28, -16, 110), (-26, -8, 165)], 9, BLOOD)
    canvas.tube(t, (-27, -16, 60), (-46, -22, 30), 7.5, BLOOD)
    canvas.tube(t, (-26, -20, 66), (30, -30, 44), 6.5, BLOOD)
    canvas.path(t, [(16, -34, 168), (18, -26, 142), (20, -12, 132)], 13.5, BLOOD)
    canvas.path(t, [(18, -12, 134), (0, 0, 138), HILA[0]], 10, BLOOD)
    canvas.path(t, [(20, -12, 132), HILA[1]], 10, BLOOD)
    for root in VEIN_ROOTS:
        canvas.tube(t, (root[0] * 0.2, 2, 164), root, 7, BLOOD)
    canvas.ellipsoid(t, (4, 8, 168), (34, 17, 24), BLOOD)
    canvas.tube(t, (-24, 10, 215), (-20, 24, 330), 11, BLOOD)


def paint_airways(canvas: Canvas, t: float) -> None:
    """Paint windpipe, main bronchi, gullet and thyroid."""
    if t < 40:
        for side in (-1, 1):
            canvas.ellipsoid(t, (side * 17.0, -8, 6), (9, 11, 26), 105.0)
    gullet_y = spine_y(t) - float(np.interp(t, (0, 120, 220, 280), (18, 21, 24, 30)))
    gullet_x = float(np.interp(t, (0, 120, 220, 280), (4, 4, 6, 20)))
    canvas.ellipse(gullet_x, gullet_y, 8, 5.5, MUSCLE - 8)
    canvas.ellipse(gullet_x, gullet_y, 2.2, 1.2, -300.0, edge=1.5)
    windpipe: list[Point] = [(0, -2, -60), (0, 0, 0), (-1, 12, 60), (-1, 22, CARINA)]
    tubes: list[tuple[list[Point], float]] = [
        (windpipe, 8.6),
        ([windpipe[-1], MAIN_BRONCHI[0]], 6.8),
        ([windpipe[-1], MAIN_BRONCHI[1]], 6.2),
    ]
    for points, radius in tubes:
        canvas.path(t, points, radius + 1.7, 60.0)
    for points, radius in tubes:
        canvas.path(t, points, radius, AIR + 5)


def paint_belly(canvas: Canvas, cage: Cage, t: float, dome: Field) -> None:
    """Paint what lies under the diaphragm, up to the upper pole of the kidneys."""
    below = (dome - t) * np.float32(0.75)
    if below.min() > 2:
        return
    inner = cage.distance + 6
    room = np.maximum(inner, below)
    canvas.fill(room, MUSCLE)
    canvas.fill(room + 2.5, FAT + 4)
    spine = spine_y(t)
    back = 40 - np.hypot(canvas.x * 0.9, canvas.y - spine - 6)
    edge = 52 - 0.42 * (t - 215)
    tongue = (canvas.x - np.float32(edge)) * 0.8 + np.maximum(canvas.y + 20, 0) * 0.75
    liver = np.maximum(np.maximum(room + 3.5, tongue), back)
    canvas.fill(liver, LIVER)
    _paint_liver_veins(canvas, t, liver)
    _paint_left(canvas, t, np.maximum(room + 3.5, back))
    for side in (-1, 1):
        canvas.ellipse(side * 13.0, spine - 8, 7, 13, MUSCLE, tilt=side * 0.4)
        canvas.ellipsoid(t, (side * 58.0, 54, 330), (27, 24, 42), KIDNEY, tilt=side * -0.5)
        canvas.ellipsoid(t, (side * 52.0, 50, 330), (11, 11, 26), FAT, tilt=side * -0.5, edge=3)


def _paint_liver_veins(canvas: Canvas, t: float, liver: Field) -> None:
    before = canvas.image.copy()
    for end in ((-95.0, -30.0, 275.0), (-60.0, -55.0, 268.0), (10.0, -50.0, 262.0), (-105.0, 20.0, 285.0)):
        canvas.tube(t, (-24, 8, 226), end, 5.0, 38.0, taper=0.35, edge=2)
    for end in ((-85.0, -10.0, 300.0), (-60.0, 35.0, 290.0), (15.0, -45.0, 290.0), (-75.0, -45.0, 330.0)):
        canvas.tube(t, (-28, -5, 300), end, 6.0, 38.0, taper=0.4, edge=2)
    canvas.image = np.where(liver < 0, canvas.image, before)


def _paint_left(canvas: Canvas, t: float, room: Field) -> None:
    def egg(centre: Point, axes: Point) -> Field:
        squared = ((canvas.x - centre[0]) / axes[0]) ** 2 + ((canvas.y - centre[1]) / axes[1]) ** 2
        squared = squared + np.float32(((t - centre[2]) / axes[2]) ** 2)
        distance: Field = np.maximum((np.sqrt(squared) - 1) * np.float32(min(axes)), room)
        return distance

    spleen = egg((104, 44, 268), (26, 46, 46))
    stomach = egg((62, -24, 272), (44, 46, 52))
    canvas.fill(stomach, MUSCLE)
    canvas.fill(stomach + 4, 18.0)
    canvas.fill(np.maximum(stomach + 4, canvas.y + 38), AIR + 20)
    canvas.fill(spleen, SPLEEN)
