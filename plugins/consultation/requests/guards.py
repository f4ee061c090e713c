"""What a move needs besides its state. Run after the row was won, in its transaction; each raises or returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from plugin_sdk.consultation import Event, State
from plugin_sdk.errors import ClaimNotMine, Conflict, DomainError, Forbidden, InvalidTransition, Taken
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Ctx, UserView
from plugins.consultation.models import Request
from plugins.consultation.reports.versions import ReportChanged, Text
from plugins.consultation.requests import claims, queries
from plugins.consultation.requests.machine import Step
from plugins.consultation.settings import Connection


class NoSignature(DomainError):
    sentence = _l("请先上传个人签名，再接单、诊断或审核")


class NotNamed(Taken):
    sentence = _l("该申请已指定接单人")


class SameSigner(Conflict):
    sentence = _l("本对接要求诊断与审核为不同医生")


class AlreadySealed(Conflict):
    sentence = _l("报告已签发过，不能撤回或退回申请")


class AuthorFirst(Taken):
    sentence = _l("退回的报告暂由原作者处理")


class NoReader(DomainError):
    sentence = _l("请选择有诊断权限的医生")


@dataclass(frozen=True, kw_only=True)
class Move:
    """One attempt. ``before`` is the row as it was read; its state is the one the move starts from."""

    ctx: Ctx
    row: Request
    event: Event
    step: Step
    before: State
    claim_user: int | None
    reason: str
    text: Text
    sha256: str | None
    reader: UserView | None
    adjusting: bool


def _accept(m: Move) -> None:
    if m.before is State.SUBMITTED and m.row.reader_named not in (None, claims.me(m.ctx)):
        raise NotNamed(**claims.facts(m.row))
    if m.before is not State.SUBMITTED:
        _author_first(m)
    _signature(m)


def _assign(m: Move) -> None:
    if m.reader is None or not m.ctx.users.holds(m.reader.id, "group.report.diagnose"):
        raise NoReader
    if m.ctx.users.signature(m.reader.id) is None:
        raise NoSignature


def _open(m: Move) -> None:
    if m.before is State.ACCEPTED:
        if m.claim_user != claims.me(m.ctx):
            raise ClaimNotMine(**claims.facts(m.row))
        return
    if m.row.reader != claims.me(m.ctx):
        raise AuthorFirst(**claims.facts(m.row))
    _signature(m)


def _author_first(m: Move) -> None:
    until = m.row.author_until
    if until is not None and m.ctx.now() < until and m.row.reader != claims.me(m.ctx):
        raise AuthorFirst(**claims.facts(m.row))


def _unlock(m: Move) -> None:
    if m.claim_user != claims.me(m.ctx) and not m.ctx.may("group.request.take_back"):
        raise Forbidden(permission="group.request.take_back")


def _submit(m: Move) -> None:
    _holder(m)
    if not m.ctx.may("group.report.review"):
        raise Forbidden(permission="group.report.review")
    if not _link(m).allow_single_sign:
        raise SameSigner
    _signature(m)


def _start_review(m: Move) -> None:
    last = queries.last_version(m.ctx, m.row.id)
    if m.adjusting and m.claim_user is not None and m.claim_user != claims.me(m.ctx):
        raise Taken(**claims.facts(m.row))
    if last is not None and last.author == claims.me(m.ctx) and not _link(m).allow_single_sign:
        raise SameSigner
    _signature(m)


def _approve(m: Move) -> None:
    _holder(m)
    last = queries.last_version(m.ctx, m.row.id)
    if last is not None and last.author == claims.me(m.ctx) and not _link(m).allow_single_sign:
        raise SameSigner
    _signature(m)


def _holder(m: Move) -> None:
    if m.claim_user != claims.me(m.ctx):
        raise ClaimNotMine(**claims.facts(m.row))


def _not_sealed(m: Move) -> None:
    if m.row.sealed_version is not None:
        raise AlreadySealed(**claims.facts(m.row))


def _confirm(m: Move) -> None:
    sealed = queries.sealed_of(m.ctx, m.row.id)
    if sealed is None or sealed.sha256 != (m.sha256 or ""):
        raise ReportChanged(**claims.facts(m.row))


def _adjust(m: Move) -> None:
    if m.claim_user is not None and m.claim_user != claims.me(m.ctx):
        raise Taken(**claims.facts(m.row))
    _signature(m)


def _delete(m: Move) -> None:
    if queries.adjusting(m.ctx, m.row) is not None or m.adjusting:
        raise InvalidTransition(**claims.facts(m.row))


def _signature(m: Move) -> None:
    if m.ctx.users.signature(claims.me(m.ctx)) is None:
        raise NoSignature


def _link(m: Move) -> Connection:
    return m.ctx.settings(Connection, scope_id=m.row.link_id)


GUARDS: Mapping[Event, Callable[[Move], None]] = {
    Event.WITHDRAW: _not_sealed,
    Event.RETURN: _not_sealed,
    Event.ACCEPT: _accept,
    Event.ASSIGN: _assign,
    Event.OPEN: _open,
    Event.UNLOCK: _unlock,
    Event.SEND_TO_REVIEW: _holder,
    Event.SUBMIT: _submit,
    Event.START_REVIEW: _start_review,
    Event.APPROVE: _approve,
    Event.REJECT: _holder,
    Event.CONFIRM: _confirm,
    Event.ADJUST: _adjust,
    Event.DELETE_REPORT: _delete,
}
