"""The channel: one notice, one POST. The house queues it, tries again when this raises, and shows what it gave up."""

from __future__ import annotations

import json

from plugin_sdk.declared import Note
from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Ctx

from .settings import Webhook
from .signature import ID, SIGNATURE, TIMESTAMP, sign

LEAST_SECRET = 32


class NotSigned(DomainError):
    sentence = _l("签名密钥少于 32 个字符，通知未推送")


class NotTaken(DomainError):
    """:param status: what the receiver answered"""

    status, code, sentence = 503, "unavailable", _l("接收方没有收下通知")


class Post:
    """Implements :class:`plugin_sdk.declared.NotifyChannel`."""

    def send(self, ctx: Ctx, note: Note) -> None:
        """:raise NotSigned: no secret worth the name: nothing leaves unsigned; :raise NotTaken: no 2xx"""
        given = ctx.settings(Webhook)
        if not given.wants(note.kind):
            return
        secrets = [secret for secret in (given.secret, given.old_secret) if secret]
        if not given.secret or min(map(len, secrets)) < LEAST_SECRET:
            raise NotSigned
        body, at = body_of(ctx, note), int(ctx.now().timestamp())
        headers = {
            "Content-Type": "application/json", ID: note.id, TIMESTAMP: str(at),
            SIGNATURE: ",".join(sign(secret, at, body) for secret in secrets),
        }
        status = ctx.fetch(given.url, method="POST", headers=headers, body=body).status
        if not 200 <= status < 300:
            raise NotTaken(status=status)


def body_of(ctx: Ctx, note: Note) -> bytes:
    """The same bytes at each try: ids, counts and words of ours, nothing of the patient but what ``ref`` leads to."""
    said = {
        "id": note.id, "kind": note.kind, "tenant": ctx.tenant.code, "at": note.at.isoformat(), "todo": note.todo,
        "ref": note.ref, "path": note.path, "url": ctx.address(note.path), "users": [user.public_id for user in note.users],
        "facts": dict(note.facts),
    }
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
