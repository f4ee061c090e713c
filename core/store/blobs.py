"""Bytes by digest below a tenant's prefix. Insert-only: a key that is there is never written again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from core import faults
from core.store.disk import Disk, Files
from plugin_sdk.errors import StorageFull
from plugin_sdk.ids import row_id

RESERVE = 2 * 1024**3


def storage_key(tenant_code: str, sha256: str, gen: int = 0) -> str:
    """``t/<tenant code>/o/<ab>/<cd>/<sha256>.<gen>``."""
    return f"t/{tenant_code}/o/{sha256[:2]}/{sha256[2:4]}/{sha256}.{gen}"


def keep(files: Files, key: str, source: Path | bytes) -> bool:
    """Make bytes durable under their key before anything refers to them.

    Temporary name, bytes synced, renamed, folder synced: after this returns, power may fail. The order is the promise.

    :return: False when the key was there already
    """
    folder = key.rpartition("/")[0]
    if files.exists(key):
        files.sync_folder(folder)
        return False
    files.make_folder(folder)
    part = f"{key}.{row_id()}.part"
    if isinstance(source, bytes):
        files.write(part, source)
    else:
        files.copy_in(source, part)
    faults.point("ingest.written")
    files.sync(part)
    files.rename(part, key)
    faults.point("ingest.renamed")
    files.sync_folder(folder)
    return True


class BlobStore:
    """The store as the product uses it."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def keep(self, tenant_code: str, sha256: str, source: Path | bytes, gen: int = 0, *, reserve: bool = False) -> str:
        """:param reserve: may use what is reserved: reports are still written when no image is taken in any more

        :raise StorageFull: less than the reserve is left; reading and reporting go on
        """
        if not reserve:
            self.check_room()
        key = storage_key(tenant_code, sha256, gen)
        keep(self.disk, key, source)
        return key

    def check_room(self) -> None:
        if not self.has_room():
            raise StorageFull

    def has_room(self) -> bool:
        """Whether more than the reserve is free: 5 % or 2 GB, whichever is more."""
        free, total = self.disk.free()
        return free >= max(RESERVE, total // 20)

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        return self.disk.read(key, offset, length)

    def open(self, key: str) -> BinaryIO:
        return self.disk.open(key)

    def path(self, key: str) -> Path:
        return self.disk.path(key)


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
