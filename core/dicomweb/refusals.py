"""What DICOMweb refuses in its own way: a bad query is 400 here, not 422 (PS3.18 8.3)."""

from __future__ import annotations

from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l


class BadQuery(DomainError):
    """A parameter that is unknown, repeated or cannot be read."""

    status, code, sentence = 400, "bad-request", _l("请求有误")

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(errors=[{"field": parameter[:80], "message": message}])


class NotAcceptable(DomainError):
    """Nothing that the Accept header names can be given."""

    status, code, sentence = 406, "not-acceptable", _l("无法提供所要求的格式")
