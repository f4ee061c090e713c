"""The outlines of a chest as functions of place: trunk, rib cage, lungs, diaphragm, spine.

Places are in mm of an adult: x to the patient's left, y to the back, t towards the feet from the first thoracic
vertebra. The lungs reach from t = 22 to about t = 285.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.demo.canvas import Field

TOP, BOTTOM = 0.0, 325.0
VERTEBRA = 23.5
FIRST_VERTEBRA = 6.0

_CAGE_T = (-40, 0, 20, 40, 70, 110, 160, 210, 260, 325)
_CAGE_A = (26, 32, 54, 82, 108, 124, 134, 138, 136, 130)
_CAGE_B = (24, 28, 40, 55, 70, 82, 92, 96, 95, 90)
_CAGE_Y = (24, 22, 18, 14, 8, 3, 0, 0, 0, 0)

_TRUNK_T = (-60, -30, -12, 0, 20, 45, 75, 110, 160, 210, 325)
_TRUNK_A = (58, 74, 125, 162, 186, 192, 178, 168, 164, 161, 157)
_TRUNK_B = (60, 62, 72, 82, 92, 100, 106, 112, 117, 117, 112)

_SPINE_T = (-40, 0, 70, 160, 260, 325)
_SPINE_Y = (22, 31, 43, 54, 51, 40)

_MEDIASTINUM_Y = (-95, -70, -45, -10, 30, 60, 90)
_MEDIASTINUM_T = (40, 75, 140, 200, 260)
_RIGHT = np.array(
    [
        (20, 22, 25, 24, 20, 18, 15),
        (10, 14, 27, 28, 20, 18, 15),
        (4, 5, 22, 31, 22, 18, 15),
        (4, 6, 20, 30, 17, 19, 16),
        (6, 10, 20, 26, 18, 21, 18),
    ]
)
_LEFT = np.array(
    [
        (20, 22, 24, 25, 24, 19, 15),
        (10, 14, 24, 27, 27, 20, 15),
        (4, 5, 24, 30, 31, 26, 16),
        (4, 8, 30, 30, 34, 24, 16),
        (6, 12, 30, 30, 26, 22, 18),
    ]
)


@dataclass(frozen=True)
class Build:
    """How one body differs from another."""

    stature: float = 1.0
    """Size against an adult; a newborn's chest is about a third."""
    heart: float = 1.0
    rib_slope: float = 1.0
    """How far the ribs fall towards the front; a newborn's lie nearly level."""
    fat: float = 14.0
    """Fat under the skin, mm before `stature`."""
    breasts: bool = False


@dataclass(frozen=True)
class Cage:
    """The rib cage around each pixel of a section."""

    distance: Field
    """From the middle of the ribs, mm, negative inside."""
    angle: Field
    """0 at the spine, pi at the breastbone, on either side."""


def cage(x: Field, y: Field, t: float | Field) -> Cage:
    """Measure places against the rib cage: a rounded box pressed in by the spine."""
    a, b, centre = (np.asarray(np.interp(t, _CAGE_T, row), np.float32) for row in (_CAGE_A, _CAGE_B, _CAGE_Y))
    u, v = np.abs(x) / a, (y - centre) / b
    angle = np.arctan2(u, v)
    ratio = _rounded(u, np.abs(v)) / (1 - 0.17 * np.exp(-((angle / 0.36) ** 2)))
    reach = np.hypot(x, y - centre)
    return Cage(distance=(reach - reach / np.maximum(ratio, 1e-3)).astype(np.float32), angle=angle.astype(np.float32))


def trunk(x: Field, y: Field, t: float) -> Field:
    """Signed distance to the skin, mm, negative inside."""
    a, b = (np.float32(np.interp(t, _TRUNK_T, row)) for row in (_TRUNK_A, _TRUNK_B))
    u, v = np.abs(x) / a, np.abs(y - np.float32(5)) / b
    reach = np.hypot(x, y - 5)
    return (reach - reach / np.maximum(_rounded(u, v), 1e-3)).astype(np.float32)


def _rounded(u: Field, v: Field) -> Field:
    """Distance in units of a superellipse of order 2.5; both arguments positive."""
    return ((u * u * np.sqrt(u) + v * v * np.sqrt(v)) ** np.float32(0.4)).astype(np.float32)


def diaphragm(x: Field, y: Field) -> Field:
    """Height `t` of the diaphragm over each place: two domes and the seat of the heart."""
    right = 205 + 48 * ((x + 68) / 62) ** 2 + 60 * (y / 72) ** 2
    left = 218 + 45 * ((x - 72) / 56) ** 2 + 60 * ((y - 5) / 72) ** 2
    middle = 234 + 14 * ((x - 12) / 70) ** 2 + 40 * ((y + 25) / 75) ** 2
    height: Field = np.minimum(np.minimum(right, left), middle).astype(np.float32)
    return height


def apex(x: Field, y: Field) -> Field:
    """Height `t` of the top of each lung over a place."""
    return (22 + ((np.abs(x) - 42) ** 2 + (y - 24) ** 2) / 75).astype(np.float32)


def mediastinum(x: Field, y: Field, t: float) -> Field:
    """Signed distance to the space between the lungs without the heart, mm, negative inside."""
    level = np.clip(t, _MEDIASTINUM_T[0], _MEDIASTINUM_T[-1])
    sides = []
    for table in (_RIGHT, _LEFT):
        row = [np.interp(level, _MEDIASTINUM_T, column) for column in table.T]
        sides.append(np.interp(y, _MEDIASTINUM_Y, row).astype(np.float32))
    distance: Field = np.maximum(-x - sides[0], x - sides[1])
    return distance


def heart(x: Field, y: Field, t: float | Field, build: Build) -> Field:
    """Signed distance to the heart with its sac, mm: an egg whose point lies left, in front and low."""
    size = np.float32(build.heart)
    cx, cy = 16 + 0.28 * (t - 185), -26 - 0.08 * (t - 185)
    dx, dy = x - np.asarray(cx, np.float32), y - np.asarray(cy, np.float32)
    cos, sin = np.float32(0.88), np.float32(-0.47)
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    squared = (along / (61 * size)) ** 2 + (across / (43 * size)) ** 2 + ((t - 185) / 60) ** 2
    return ((np.sqrt(squared) - 1) * (42 * size)).astype(np.float32)


def spine_y(t: float) -> float:
    """Middle of the vertebral body at a height, mm."""
    return float(np.interp(t, _SPINE_T, _SPINE_Y))


def breastbone_y(t: float) -> float:
    """Middle of the breastbone at a height, mm."""
    return float(np.interp(t, _CAGE_T, _CAGE_Y) - np.interp(t, _CAGE_T, _CAGE_B))
