"""One frame as an 8-bit PNG, as a screen shows it (PS3.4, N.2). Decodes, so run it in a limited child process."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from . import uids, values
from .frames import frame_bytes
from .guard import Opened, opened
from .pixels import Geometry
from .walk import DOUBLE_PIXELS, FLOAT_PIXELS, PIXEL_DATA, DataSet, Element

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Window = tuple[float, float]
_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_VALUE_GROUP, _VOI_GROUP = 0x00289145, 0x00289132
_MODALITY_LUT, _VOI_LUT = 0x00283000, 0x00283010
_DECODER_ERRORS = (
    ValueError, RuntimeError, NotImplementedError, AttributeError, LookupError, TypeError, OSError, EOFError, struct.error
)


class CannotRender(Exception):
    """No decoder takes this frame, or it is no picture; the file itself may be fine."""


@dataclass(frozen=True, slots=True)
class _Look:
    """How stored values become grey: everything that may differ per frame in enhanced objects is settled here."""

    slope: float
    intercept: float
    windows: tuple[Window, ...]
    function: str
    padding: float | None
    inverted: bool
    mask_bits: int
    signed: bool
    luts: tuple[bool, bool]


def render_png(path: str | PathLike[str], frame: int = 0, window: Window | None = None) -> bytes:
    """Draw frame `frame` (from 0).

    :param window: (centre, width) in output units of the modality LUT; without it the file's first usable VOI, else
        the 0.5 to 99.5 percentile of what is no padding
    :raise CannotRender: carries one line of the decoder
    :raise Refused: as `guard.check`, as does HeldBack
    """
    import numpy as np
    from PIL import Image

    with opened(path) as it:
        look, result, geometry = _look(it, frame), it.result, Geometry.of(it.source, it.data)
        if result.pixels is None or not 0 <= frame < result.pixels.n_frames:
            raise CannotRender("no such frame")
        content = frame_bytes(it.source.read, result.pixels, frame)
        form = "<f4" if FLOAT_PIXELS in it.data else "<f8" if DOUBLE_PIXELS in it.data else ""
    data: Any = None
    pixels: Array
    if form and PIXEL_DATA not in it.data:
        pixels = np.frombuffer(content, form).reshape(geometry.rows, geometry.columns)
    else:
        data, pixels = _decoded(path, content, result.transfer_syntax, encapsulated=result.pixels.encapsulated)
    if pixels.ndim == 3 and pixels.shape[-1] in (3, 4):
        picture = _colour(pixels)
    elif pixels.ndim == 2:
        picture = _grey(data, pixels, look, window)
    else:
        raise CannotRender(f"{geometry.photometric} of shape {pixels.shape} is no picture")
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(out, "PNG")
    return out.getvalue()


def _decoded(
    path: str | PathLike[str], content: bytes, transfer_syntax: str, *, encapsulated: bool
) -> tuple[Any, Array]:
    """Decode one frame in the header of its file; the other frames are never read."""
    from pydicom import config, dcmread
    from pydicom.encaps import encapsulate
    from pydicom.errors import BytesLengthException
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import UID

    config.settings.reading_validation_mode = config.IGNORE
    config.settings.writing_validation_mode = config.IGNORE
    try:
        data = dcmread(path, force=True, stop_before_pixels=True)
        data.file_meta.TransferSyntaxUID = UID(transfer_syntax if encapsulated else uids.EXPLICIT_LE)
        data.NumberOfFrames = 1
        for keyword, value in (("BitsStored", data.BitsAllocated), ("PixelRepresentation", 0), ("SamplesPerPixel", 1)):
            if data.get(keyword) is None:
                setattr(data, keyword, value)
        padded = content + b"\0" * (len(content) % 2)
        data.PixelData = encapsulate([padded], has_bot=False) if encapsulated else padded
        data["PixelData"].VR = "OB" if encapsulated or data.BitsAllocated <= 8 else "OW"
        pixels = pixel_array(data)
        if str(data.get("PhotometricInterpretation", "")) == "PALETTE COLOR" and pixels.ndim == 2:
            pixels = apply_color_lut(pixels, data)
    except (*_DECODER_ERRORS, BytesLengthException) as error:
        raise CannotRender((str(error) or type(error).__name__).splitlines()[0][:200]) from error
    return data, pixels


def _look(it: Opened, frame: int) -> _Look:
    def group(sequence: int) -> DataSet:
        """The functional group macro of this frame, else the shared one, else the object itself (PS3.3, C.7.6.16)."""
        per_frame = it.data.get(_PER_FRAME)
        items = (per_frame.items or ()) if per_frame else ()
        for holder in (items[frame] if frame < len(items) else {}, _only(it.data.get(_SHARED))):
            if found := _only(holder.get(sequence)):
                return found
        return it.data

    def one(data: DataSet, tag: int, default: float) -> float:
        found = values.number(it.source, data.get(tag))
        return default if found is None else found

    value, voi = group(_VALUE_GROUP), group(_VOI_GROUP)
    centres = values.numbers(it.source, voi.get(0x00281050))
    widths = values.numbers(it.source, voi.get(0x00281051))
    photometric, shape = (values.text(it.source, it.data.get(tag)) for tag in (0x00280004, 0x20500020))
    geometry = Geometry.of(it.source, it.data)
    stored = int(one(it.data, 0x00280101, geometry.bits))
    native = it.result.pixels is not None and not it.result.pixels.encapsulated
    return _Look(
        slope=one(value, 0x00281053, 1.0) or 1.0,
        intercept=one(value, 0x00281052, 0.0),
        windows=tuple(zip(centres, widths, strict=False)),
        function=values.text(it.source, voi.get(0x00281056)) or "LINEAR",
        padding=values.number(it.source, it.data.get(0x00280120)),
        inverted=photometric == "MONOCHROME1" or shape == "INVERSE",
        mask_bits=stored if native and 1 < stored < geometry.bits <= 32 else 0,
        signed=geometry.signed,
        luts=(bool(_only(it.data.get(_MODALITY_LUT))), bool(_only(it.data.get(_VOI_LUT)))),
    )


def _only(element: Element | None) -> DataSet:
    return element.items[0] if element is not None and element.items else {}


def _colour(pixels: Array) -> Array:
    import numpy as np

    if pixels.dtype == np.uint8:
        return pixels
    wide = pixels.astype(np.uint64)
    return (wide >> (pixels.dtype.itemsize * 8 - 8) if wide.max(initial=0) > 255 else wide).astype(np.uint8)


def _grey(data: Any, pixels: Array, look: _Look, window: Window | None) -> Array:
    import numpy as np
    from pydicom.pixels.processing import apply_modality_lut, apply_voi

    if look.mask_bits and np.issubdtype(pixels.dtype, np.integer):
        pixels = _masked(pixels, look)
    valid = np.isfinite(pixels) if look.padding is None else np.isfinite(pixels) & (pixels != look.padding)
    try:
        output = apply_modality_lut(pixels, data) if look.luts[0] and data is not None else pixels
        if window is None and data is not None and look.luts[1] and not look.windows:
            output = apply_voi(np.asarray(output), data)
    except _DECODER_ERRORS as error:
        raise CannotRender(str(error).splitlines()[0][:200]) from error
    shown = np.asarray(output, dtype=np.float64)
    if not look.luts[0]:
        shown = shown * look.slope + look.intercept
    picture = _windowed(shown, window, look.function) if window else None
    for candidate in () if picture is not None else look.windows:
        attempt = _windowed(shown, candidate, look.function)
        if attempt is not None and (attempt.min() != attempt.max() or shown.min() == shown.max()):
            picture = attempt
            break
    if picture is None:
        picture = _automatic(shown, valid)
    return np.asarray(255 - picture if look.inverted else picture, dtype=np.uint8)


def _masked(pixels: Array, look: _Look) -> Array:
    """Drop what lies above Bits Stored, such as old overlays, and extend the sign (PS3.5, 8.1.1)."""
    import numpy as np

    wide = pixels.astype(np.int64) & (1 << look.mask_bits) - 1
    if look.signed:
        wide = wide - ((wide >> look.mask_bits - 1) << look.mask_bits)
    return wide


def _windowed(shown: Array, window: Window, function: str) -> Array | None:
    """Apply a window (PS3.3, C.11.2.1.2 and .3); None when the width makes no sense for the function."""
    import numpy as np

    centre, width = window
    if function == "SIGMOID" and width > 0:
        grey = 255 / (1 + np.exp(np.clip(-4 * (shown - centre) / width, -60, 60)))
    elif function == "LINEAR_EXACT" and width > 0:
        grey = ((shown - centre) / width + 0.5) * 255
    elif width >= 1:
        grey = ((shown - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5) * 255
    else:
        return None
    return np.nan_to_num(np.clip(grey, 0, 255), nan=0.0).round().astype(np.uint8)


def _automatic(shown: Array, valid: Array) -> Array:
    import numpy as np

    inside = shown[valid] if valid.any() else shown[np.isfinite(shown)]
    if not inside.size:
        return np.zeros(shown.shape, np.uint8)
    low, high = np.percentile(inside, (0.5, 99.5))
    for wider in (inside, shown[np.isfinite(shown)]):
        if low == high:
            low, high = wider.min(), wider.max()
    if low == high:
        return np.full(shown.shape, 128, np.uint8)
    grey: Array = (shown - low) / (high - low) * 255
    return np.asarray(np.nan_to_num(np.clip(grey, 0, 255), nan=0.0).round(), dtype=np.uint8)
