"""A valid request for every unsafe route, by hand: who is refused must be refused for what they are, not for the body."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

from plugins.billing import queries
from tests.conftest import World, numbers
from tests.contract.stage import png

Ids = Mapping[str, str]


def request_of(endpoint: str, word: str, ids: Ids, world: World) -> dict[str, Any]:
    """Arguments of the test client; ``ids`` may carry ``version``, ``sha256``, ``second`` and ``second_request``."""
    make = MADE.get(f"{endpoint}:{word}") or MADE.get(endpoint)
    return make(ids, world) if make else {}


def _terms(world: World) -> dict[str, Any]:
    return {"group": world.group.code, "parts": [{"name": "胸部", "count": 1}]}


def _event(**more: Any) -> Callable[[Ids, World], dict[str, Any]]:
    def made(ids: Ids, world: World) -> dict[str, Any]:
        return {"json": {"version": int(ids.get("version", 1)), **more}}

    return made


def _form(**more: Any) -> Callable[[Ids, World], dict[str, Any]]:
    def made(ids: Ids, world: World) -> dict[str, Any]:
        return {"data": {"version": ids.get("version", "1"), "sha256": ids.get("sha256", ""), **more}}

    return made


def _confirm(ids: Ids, world: World) -> dict[str, Any]:
    item = {"id": ids["request"], "version": int(ids.get("version", 1)), "sha256": ids.get("sha256", "")}
    other = {"id": ids.get("second_request", ids["request"]), "version": item["version"], "sha256": ids.get("second_sha256", "")}
    return {"json": {"items": [item, other]}}


def _tariff(world: World) -> dict[str, Any]:
    """A form of 收费设置 that follows the version in force."""
    with world.app.app_context():
        ctx = world.g_admin.ctx(write=False)
        current = queries.in_force(ctx, world.link.id)
        ctx.close()
    lines = {"reader": ["", world.reader.account.public_id], "modality": ["", "CT"], "fee": ["80.00", "120.5"]}
    return {"base": str(current.version if current else 0), "urgent": "1.5", "diagnosis": "70", **lines}


WORDS = {"findings": "双肺纹理清晰。", "impression": "未见异常。", "positive": False}
REASON = {"reason": "请补充测量"}
MADE: Mapping[str, Callable[[Ids, World], dict[str, Any]]] = {
    "consultation_api.make": lambda ids, w: {"json": {"study_id": ids["study"], **_terms(w)}},
    "consultation_api.batch": lambda ids, w: {"json": {"study_ids": [ids["study"], ids.get("second", ids["study"])], **_terms(w)}},
    "consultation_api.confirm_many": _confirm,
    "consultation_api.act": _event(),
    "consultation_api.act:withdraw": _event(**REASON),
    "consultation_api.act:return": _event(**REASON),
    "consultation_api.act:assign": lambda ids, w: {"json": {"version": int(ids.get("version", 1)), "reader": w.reader.account.public_id}},
    "consultation_api.act:send_to_review": _event(**WORDS),
    "consultation_api.act:submit": _event(**WORDS),
    "consultation_api.act:reject": _event(**REASON),
    "consultation_api.act:return_report": _event(**REASON),
    "consultation_api.act:confirm": lambda ids, w: {"json": {"version": int(ids.get("version", 1)), "sha256": ids.get("sha256", "")}},
    "consultation_api.act:adjust": _event(**REASON),
    "consultation_api.act:delete_report": _event(**REASON),
    "consultation_api.save_draft": lambda ids, w: {"json": {"rev": 0, **WORDS}},
    "workspace.put_aside": lambda ids, w: {"json": {**WORDS, "findings": f"放弃的内容{next(numbers)}。"}},
    "consultation_api.capture": lambda ids, w: {"data": {"file": (png(), "a.png")}},
    "uploads_api.multipart": lambda ids, w: {"data": {"file": (io.BytesIO(b"no image"), "a.dcm")}},
    "uploads_api.create": lambda ids, w: {"headers": {"Upload-Length": "10", "Upload-Metadata": "filename YS5kY20="}},
    "uploads_api.send": lambda ids, w: {"headers": {"Upload-Offset": "0"}, "data": b"12345", "content_type": "application/offset+octet-stream"},
    "requests.act": _form(**REASON),
    "diagnosis.act": _form(**REASON),
    "diagnosis.accept": _form(),
    "requests.confirm_many": lambda ids, w: {"data": {"row": [ids["request"], ids.get("second_request", ids["request"])]}},
    "start.submit": lambda ids, w: {"data": {"group": w.group.code, "part": "胸部", "count-胸部": "1"}},
    "start.fee": lambda ids, w: {"data": {"group": w.group.code, "part": "胸部", "count-胸部": "1"}},
    "fees.rows": lambda ids, w: {"data": _tariff(w)},
    "fees.save": lambda ids, w: {"data": _tariff(w)},
    "studies.show_whole": lambda ids, w: {"data": {"purpose": "treatment"}},
    "diagnosis.show_whole": lambda ids, w: {"data": {"purpose": "treatment"}},
    "studies.columns": lambda ids, w: {"data": {"col": ["name"]}},
    "me.change": lambda ids, w: {"data": {"name": "换个名字"}},
    "me.change_password": lambda ids, w: {"data": {"password": "Secret2027$", "again": "Secret2027$"}},
    "me.change_phone": lambda ids, w: {"data": {"phone": w.h_admin.account.phone}},
    "me.confirm": lambda ids, w: {"data": {"fresh_password": "not mine", "next": "/"}},
    "lists.columns": lambda ids, w: {"data": {"col": ["user"]}},
    "lists.save_view": lambda ids, w: {"data": {"name": f"甲{next(numbers)}", "query": ""}},
    "lists.change_view": lambda ids, w: {"data": {"name": f"甲{next(numbers)}"}},
    "exports.start": lambda ids, w: {"data": {"field": ["at", "user"], "query": "at_from="}},
    "account.change_me": lambda ids, w: {"data": {"name": "换个名字"}},
    "account.change_password": lambda ids, w: {"data": {"current": "not mine", "password": "Secret2027$", "again": "Secret2027$"}},
    "account.set_landing": lambda ids, w: {"data": {"tenant": ""}},
    "account.enter": lambda ids, w: {"data": {"phone": "13900000000", "password": "wrong"}},
    "plugins.switch": lambda ids, w: {"data": {"was": "on", "to": "on"}},
    "plugins.choose": lambda ids, w: {"data": {"capability": "viewer", "provider": "viewer", "was": "viewer"}},
    "plugins.save": lambda ids, w: {"data": {
        "version": ids.get("version", ""), "set.hold_minutes": "30", "set.author_minutes": str(next(numbers) % 1440)}},
    "settings.save": lambda ids, w: {"data": {
        "version": ids.get("version", ""), "owner": "accounts", "set.password_symbol": "yes" if next(numbers) % 2 else ""}},
    "admin_plugins.allow": lambda ids, w: {"data": {"tenant": w.hospital.code, "was": "yes", "allowed": "yes"}},
    "admin_plugins.switch": lambda ids, w: {"data": {"tenant": w.hospital.code, "was": "on", "to": "on"}},
    "planted.many": lambda ids, w: {"json": {"study_ids": [ids["study"]]}},
    "account.language": lambda ids, w: {"data": {"language": "en"}},
}
