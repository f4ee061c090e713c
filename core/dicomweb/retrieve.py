"""WADO-RS of objects and frames: what was accepted decides between the bytes as stored and decoded ones."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain

from core.dicomweb import decoding, pixels
from core.dicomweb.accept import Range
from core.dicomweb.multipart import Part
from core.dicomweb.queries import StoredObject
from core.dicomweb.refusals import NotAcceptable
from core.store.blobs import BlobStore
from plugin_sdk.dicom import uids
from plugin_sdk.errors import NotFound

log = logging.getLogger(__name__)
CHUNK = 1024 * 1024
PREAMBLE = 128
DICOM, OCTETS = "application/dicom", "application/octet-stream"
# media types of compressed frames (PS3.18 table 8.7.3-4)
MEDIA = {
    "1.2.840.10008.1.2.4.50": "image/jpeg", "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg", "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls", "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2", "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc", "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc", uids.RLE: "image/dicom-rle",
}


class How(Enum):
    STORED = "stored"
    DECODED = "decoded"


@dataclass(frozen=True)
class Choice:
    """How frames are sent: media type, transfer syntax, decoded or not, in parts or one alone."""

    how: How
    media: str
    syntax: str
    multipart: bool

    @property
    def content_type(self) -> str:
        return f"{self.media}; transfer-syntax={self.syntax}"


def choose_frames(accepted: Iterable[Range], item: StoredObject, count: int) -> Choice:
    """Choose how to send ``count`` frames of an object.

    ``transfer-syntax=*`` means as stored. octet-stream without a transfer syntax means native (PS3.18 8.7.3.3).

    :raise NotAcceptable: nothing that is accepted can be made
    """
    served, native = pixels.syntax_served(item), pixels.is_native(item)
    for entry in accepted:
        if not entry.multipart and entry.media != "*/*" and count > 1:
            continue
        multipart = entry.multipart or entry.media == "*/*"
        if entry.takes(OCTETS):
            exact = entry.media == OCTETS and not entry.syntax and not native
            if entry.takes_syntax(served) and not exact:
                return Choice(How.STORED, OCTETS, served, multipart)
            if entry.takes_syntax(uids.EXPLICIT_LE):
                return Choice(How.DECODED, OCTETS, uids.EXPLICIT_LE, multipart)
        media = MEDIA.get(item.transfer_syntax)
        if media is not None and entry.takes(media) and entry.takes_syntax(served):
            return Choice(How.STORED, media, served, multipart)
    raise NotAcceptable


def frames(blobs: BlobStore, item: StoredObject, numbers: Sequence[int], choice: Choice) -> list[bytes]:
    """Frames counted from 1.

    :raise NotFound: no such frame; :raise NotAcceptable: no decoder takes them
    """
    found = pixels.stored(blobs, item, numbers)
    if choice.how is How.STORED:
        return found
    return decoding.frames(pixels.path(blobs, item), item, [number - 1 for number in numbers])


def choose_objects(accepted: Iterable[Range], *, single: bool) -> tuple[How, bool]:
    """Choose how to send objects, and whether in parts. Without a transfer syntax they come as stored.

    :param single: one instance is asked for, which may come alone
    :raise NotAcceptable: nothing that is accepted can be made
    """
    for entry in accepted:
        if not entry.takes(DICOM) or not (entry.multipart or entry.media == "*/*" or single):
            continue
        multipart = entry.multipart or entry.media == "*/*"
        if entry.syntax in ("", "*"):
            return How.STORED, multipart
        if entry.syntax == uids.EXPLICIT_LE:
            return How.DECODED, multipart
    raise NotAcceptable


def parts(blobs: BlobStore, items: Sequence[StoredObject], how: How, root: str) -> Iterator[Part]:
    """Objects as parts. Each is opened, or decoded, before its part begins.

    :raise NotAcceptable: no decoder takes it; :raise NotFound: its bytes are gone
    """
    for item in items:
        plain = how is How.DECODED and item.transfer_syntax != uids.EXPLICIT_LE
        syntax = uids.EXPLICIT_LE if plain else item.transfer_syntax
        url = f"{root}/studies/{item.study_uid}/series/{item.series_uid}/instances/{item.sop_uid}"
        yield Part(f"{DICOM}; transfer-syntax={syntax}", _begun(blobs, item, decoded=plain), url)


def _begun(blobs: BlobStore, item: StoredObject, *, decoded: bool) -> Iterator[bytes]:
    body = decoding.whole(pixels.path(blobs, item), item) if decoded else as_stored(blobs, item)
    try:
        first = next(body)
    except FileNotFoundError as error:
        log.error("bytes of an instance are gone", extra={"instance_id": item.id, "tenant_id": item.tenant_id})
        raise NotFound from error
    return chain([first], body)


def as_stored(blobs: BlobStore, item: StoredObject) -> Iterator[bytes]:
    """The bytes as received, as a PS3.10 file. What the preamble held is zeroed: it may be a program or a page."""
    with blobs.open(pixels.key(item)) as file:
        head = file.read(PREAMBLE + 4)
        if head[PREAMBLE:] == b"DICM":
            yield bytes(PREAMBLE) + b"DICM"
        else:
            yield bytes(PREAMBLE) + _opening(head, item)
            yield head
        while part := file.read(CHUNK):
            yield part


def _opening(head: bytes, item: StoredObject) -> bytes:
    """What a file without a preamble lacks: the prefix, and the file meta information if that is missing too."""
    if head[:4] == b"DICM":
        return b""
    if head[:2] == b"\x02\x00":
        return b"DICM"
    from pydicom.dataset import FileMetaDataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_file_meta_info
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(item.sop_class)
    meta.MediaStorageSOPInstanceUID = UID(item.sop_uid)
    meta.TransferSyntaxUID = UID(item.transfer_syntax)
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    write_file_meta_info(out, meta, enforce_standard=True)
    return b"DICM" + out.getvalue()
