"""Rendered images and thumbnails (PS3.18 10.4.1.1.3): PNG or JPEG, drawn in a limited child."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from werkzeug.datastructures import MultiDict

from core.dicomweb import decoding
from core.dicomweb.queries import StoredObject
from core.dicomweb.refusals import BadQuery
from plugin_sdk.dicom.render import Window
from plugin_sdk.errors import NotFound

MEDIA = ("image/jpeg", "image/png")
THUMBNAIL, LARGEST = 160, 4096
_NUMBER = re.compile(r"[+-]?\d{1,7}(?:\.\d{1,6})?")
KNOWN = frozenset({"window", "viewport", "quality", "accept"})


@dataclass(frozen=True)
class Look:
    """:ivar box: greatest width and height in pixels; :ivar quality: of JPEG, 1 to 100"""

    window: Window | None = None
    box: tuple[int, int] | None = None
    quality: int = 90


def read(args: MultiDict[str, str]) -> Look:
    """Read ``window=centre,width[,function]``, ``viewport=width,height`` and ``quality`` (PS3.18 8.3.5.1).

    :raise BadQuery: unknown, or cannot be read
    """
    for name in args:
        if name not in KNOWN:
            raise BadQuery(name, "unknown parameter")
    window = box = None
    if "window" in args:
        centre, width, *function = args["window"].split(",")[:3] if "," in args["window"] else ("", "")
        if not (_NUMBER.fullmatch(centre) and _NUMBER.fullmatch(width) and float(width) >= 1):
            raise BadQuery("window", "centre,width")
        if function and function[0].lower() != "linear":
            raise BadQuery("window", "only linear")
        window = float(centre), float(width)
    if "viewport" in args:
        sizes = args["viewport"].split(",")
        if len(sizes) != 2 or not all(re.fullmatch(r"\d{1,4}", s) and 0 < int(s) <= LARGEST for s in sizes):
            raise BadQuery("viewport", f"width,height up to {LARGEST}")
        box = int(sizes[0]), int(sizes[1])
    quality = args.get("quality", "90")
    if not (re.fullmatch(r"\d{1,3}", quality) and 1 <= int(quality) <= 100):
        raise BadQuery("quality", "1 to 100")
    return Look(window, box, int(quality))


def draw(path: Path, item: StoredObject, frame: int, look: Look, media: str) -> bytes:
    """Draw a frame, counted from 1.

    :raise NotFound: no such frame, or no pixels; :raise NotAcceptable: no decoder takes it
    """
    if not 1 <= frame <= item.n_frames or not path.exists():
        raise NotFound
    png = decoding.png(path, item, frame - 1, look.window)
    if media == "image/png" and look.box is None:
        return png
    image: Image.Image = Image.open(io.BytesIO(png))
    if look.box is not None:
        image.thumbnail(look.box)
    out = io.BytesIO()
    if media == "image/png":
        image.save(out, "PNG")
    else:
        image.convert("L" if image.mode in ("1", "L", "I", "F") else "RGB").save(out, "JPEG", quality=look.quality)
    return out.getvalue()


def middle(items: Sequence[StoredObject]) -> tuple[StoredObject, int]:
    """The instance and frame that stand for a series or study. :raise NotFound: none has pixels"""
    pictures = [item for item in items if item.n_frames]
    if not pictures:
        raise NotFound
    first = [item for item in pictures if item.series_uid == pictures[0].series_uid]
    chosen = first[len(first) // 2]
    return chosen, (chosen.n_frames + 1) // 2 or 1
