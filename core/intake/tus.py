"""What tus 1.0 (creation, core, checksum, termination) says in headers."""

from __future__ import annotations

import base64
import binascii
import hashlib

from plugin_sdk.errors import Conflict, DomainError, Invalid
from plugin_sdk.i18n import lazy as _l

VERSION = "1.0.0"


class WrongVersion(DomainError):
    status, code, sentence = 412, "bad-request", _l("不支持的上传协议版本")


class ChecksumMismatch(DomainError):
    status, code, sentence = 460, "invalid", _l("校验不一致")


class OffsetMismatch(Conflict):
    code, sentence = "in-progress", _l("上传位置不一致")


def metadata(text: str) -> dict[str, str]:
    """``key base64,key base64`` as tus writes it."""
    found = {}
    for pair in filter(None, text.split(",")):
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except binascii.Error as error:
            raise Invalid(errors=[{"field": "Upload-Metadata", "message": key}]) from error
    return found


def check_sum(header: str, data: bytes) -> None:
    """:raise ChecksumMismatch: nothing was written"""
    if not header:
        return
    name, _, value = header.partition(" ")
    if name not in ("sha1", "sha256"):
        raise Invalid(errors=[{"field": "Upload-Checksum", "message": name}])
    if base64.b64encode(hashlib.new(name, data).digest()).decode() != value:
        raise ChecksumMismatch
