"""Decode to Explicit VR Little Endian. Run as a program: a limited child, one request, the answer on stdout.

    python -m core.dicomweb.transcode MEMORY CPU_SECONDS frames PATH TRANSFER_SYNTAX N_FRAMES INDEX...
    python -m core.dicomweb.transcode MEMORY CPU_SECONDS object PATH TRANSFER_SYNTAX N_FRAMES
"""

from __future__ import annotations

import io
import resource
import struct
import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from pydicom.dataset import Dataset, FileDataset

    Array = np.ndarray[Any, np.dtype[Any]]

OUTPUT = 2 * 1024**3
LENGTH = struct.Struct(">Q")
EXPLICIT_LE = "1.2.840.10008.1.2.1"
_SWAPPED = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def limit(memory: int, cpu_seconds: int) -> None:
    """Bound this process: memory, seconds of CPU, bytes written, no core dump."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))


def read(path: str, syntax: str, frames: int) -> FileDataset:
    from pydicom import config, dcmread
    from pydicom.uid import UID

    config.settings.reading_validation_mode = config.IGNORE
    config.settings.writing_validation_mode = config.IGNORE
    data = dcmread(path, force=True)
    data.file_meta.TransferSyntaxUID = UID(syntax)
    if frames > 1 or "NumberOfFrames" in data:
        data.NumberOfFrames = frames
    return data


def frame(data: Dataset, index: int) -> bytes:
    """One frame as native little-endian bytes, colours as RGB, planes as the header says they lie."""
    import numpy as np
    from pydicom.pixels.utils import pixel_array

    pixels: Array = np.asarray(pixel_array(data, index=index))
    if pixels.ndim == 3 and data.get("PlanarConfiguration") == 1:
        pixels = np.moveaxis(pixels, 2, 0)
    return np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder("<")).tobytes()


def whole(data: FileDataset, out: IO[bytes]) -> None:
    """The object with the same UIDs, its pixels native (PS3.5 A.2)."""
    from pydicom.filewriter import dcmwrite

    if data.file_meta.TransferSyntaxUID.is_compressed:
        data.decompress(generate_instance_uid=False)
    else:
        swap = data.original_encoding[1] is False
        for element in data.iterall():
            if swap and element.VR in _SWAPPED and element.value:
                element.value = swapped(bytes(element.value), _SWAPPED[element.VR])
    from pydicom.uid import ExplicitVRLittleEndian

    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.preamble = b"\0" * 128
    buffer = io.BytesIO()
    dcmwrite(buffer, data, implicit_vr=False, little_endian=True, enforce_file_format=True)
    out.write(buffer.getbuffer())


def swapped(raw: bytes, width: int) -> bytes:
    whole_words = len(raw) // width * width
    out = bytearray(raw[:whole_words])
    for at in range(width):
        out[at::width] = raw[width - 1 - at : whole_words : width]
    return bytes(out) + raw[whole_words:]


def main(arguments: list[str]) -> int:
    memory, cpu_seconds, what, path, syntax, frames, *indices = arguments
    limit(int(memory), int(cpu_seconds))
    data = read(path, syntax, int(frames))
    if what == "object":
        whole(data, sys.stdout.buffer)
        return 0
    for index in indices:
        body = frame(data, int(index))
        sys.stdout.buffer.write(LENGTH.pack(len(body)))
        sys.stdout.buffer.write(body)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
