"""Frames by byte range, without a decoder: native ones as explicit little endian, encapsulated ones as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike

from .guard import GuardResult
from .pixels import Pixels
from .source import Source, inflated

ReadRange = Callable[[int, int], bytes]
"""(offset, length) -> bytes; fewer bytes only at the end."""


class NoSuchFrame(LookupError):
    """The object holds fewer frames than that."""


def frame_bytes(read: ReadRange, pixels: Pixels, index: int) -> bytes:
    """Return one frame, counted from 0.

    :param read: reads a range of the file, or of the inflated data set when `GuardResult.inflated`
    :raise NoSuchFrame: index outside the frames that are there
    :raise EOFError: the bytes are gone since the file was checked
    """
    if not 0 <= index < pixels.n_frames:
        raise NoSuchFrame(index)
    if pixels.encapsulated:
        return b"".join(_exactly(read, offset, length) for offset, length in pixels.frames[index])
    start, end = pixels.frame_bits * index, pixels.frame_bits * (index + 1)
    first, last = start // 8, -(-end // 8)
    if pixels.little or pixels.word == 1:
        raw = _exactly(read, pixels.offset + first, last - first)
    else:
        from_word, to_word = first // pixels.word * pixels.word, -(-last // pixels.word) * pixels.word
        raw = _swap(_exactly(read, pixels.offset + from_word, to_word - from_word), pixels.word)
        raw = raw[first - from_word : last - from_word]
    if start % 8 or end % 8:
        raw = _align(raw, start % 8, pixels.frame_bits)
    return raw


def _exactly(read: ReadRange, offset: int, length: int) -> bytes:
    found = read(offset, length)
    if len(found) != length:
        raise EOFError(offset)
    return found


def _swap(raw: bytes, word: int) -> bytes:
    out = bytearray(len(raw))
    for at in range(word):
        out[at::word] = raw[word - 1 - at :: word]
    return bytes(out)


def _align(raw: bytes, shift: int, bits: int) -> bytes:
    """Move a 1-bit frame that begins inside a byte to a byte's start (PS3.5, 8.1.1: least significant bit first)."""
    value = int.from_bytes(raw, "little") >> shift & (1 << bits) - 1
    return value.to_bytes(-(-bits // 8), "little")


@contextmanager
def ranges(path: str | PathLike[str], result: GuardResult) -> Iterator[ReadRange]:
    """Open a checked file for `frame_bytes`; a deflated data set is inflated once into a temporary file."""
    with open(path, "rb") as file:
        source = Source(file)
        if not result.inflated:
            yield source.read
            return
        with inflated(source, result.dataset_offset) as plain:
            yield Source(plain).read


def file_frame(path: str | PathLike[str], result: GuardResult, index: int) -> bytes:
    """Return one frame of a checked file; raises as `frame_bytes`."""
    if result.pixels is None:
        raise NoSuchFrame(index)
    with ranges(path, result) as read:
        return frame_bytes(read, result.pixels, index)
