"""The QR code of a report: the way to its e-film."""

from __future__ import annotations

import io

import segno

PIXELS_PER_MODULE = 8
QUIET_MODULES = 2


def png(url: str) -> bytes:
    """Draw `url` as a QR code with error correction M, black on white, as PNG.

    The quiet zone is two modules wide; the white of the paper around it gives the four of ISO/IEC 18004.
    """
    out = io.BytesIO()
    segno.make_qr(url, error="m", boost_error=False).save(
        out, kind="png", scale=PIXELS_PER_MODULE, border=QUIET_MODULES
    )
    return out.getvalue()
