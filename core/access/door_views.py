"""Pages of the public door: the form behind a token, and the page that a plugin shows behind it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from core import limits
from core.access import doors, passcodes
from core.access.doors import LinkEnded, LinkUnavailable
from core.accounts import cookies
from plugin_sdk.errors import DomainError, NotFound
from plugin_sdk.web import Access, guest, passive, public

if TYPE_CHECKING:
    from core.host.context import TenantCtx

log = logging.getLogger(__name__)
bp = Blueprint("door", __name__)


@bp.get("/s/<token:token>")
@public
@passive
def gate(token: str) -> ResponseReturnValue:
    return _form(_knock(token))


@bp.post("/s/<token:token>")
@public
def enter(token: str) -> ResponseReturnValue:
    """Open the link for this browser and lead on to an address without the token."""
    way = _knock(token)
    try:
        passcodes.check(way, request.form.get("passcode", ""))
    except DomainError as error:
        return _form(way, error)
    key = doors.step_in(way)
    response = cast(Response, redirect(url_for(".show", link=way.public_id), 303))
    keys = [key, *cookies.read_keys(request, "guest")][: doors.OPENED_AT_ONCE]
    cookies.give(response, request, "guest", ".".join(keys), kept=doors.STAY)
    return response


@bp.get("/v/<link:link>")
@guest
def show() -> ResponseReturnValue:
    """Ask the plugin for its page, under the guard.

    :raise LinkEnded: what it showed is gone; :raise LinkUnavailable: the plugin fails
    """
    ctx: TenantCtx = g.ctx
    way: doors.Way = g.way
    try:
        page = g.house.resolve(way.page)
        text = g.house.plugins.guard.run(
            way.plugin, "link page", page, ctx, ctx.door, check=lambda answer: isinstance(answer, str), ctx=ctx
        )
    except NotFound as error:
        raise LinkEnded from error
    except Exception as error:  # foreign code: whoever came by the link reads a sentence
        log.exception("link page failed", extra={"plugin": way.plugin, "place": "link page"})
        raise LinkUnavailable from error
    return make_response(text)


@bp.app_errorhandler(LinkEnded)
@bp.app_errorhandler(LinkUnavailable)
def ended(error: DomainError) -> Response:
    """One page for every reason: it does not tell whether there ever was such a link."""
    response = make_response(render_template("door_ended.html", sentence=error.sentence, ended=error.status == LinkEnded.status), error.status)
    if error.status == LinkUnavailable.status:
        response.headers["Retry-After"] = "60"
    return _unseen(response)


@bp.after_app_request
def unseen(response: Response) -> Response:
    """No page behind the door is for search engines; no address with a token travels on, not even within this site.

    ``strict-origin`` and not ``no-referrer``: that one takes the origin from our own forms, too.
    """
    view = g.house.flask.view_functions.get(request.endpoint) if "house" in g else None
    guests = getattr(getattr(view, "access", Access("public")), "kind", "") == "guest"
    return _unseen(response) if guests or request.blueprint == bp.name else response


def _unseen(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


def _knock(token: str) -> doors.Way:
    """:raise RateLimited: too many from this address, whatever they ask for"""
    g.house.flask.extensions["rates"].take("door", request.remote_addr or "", most=limits.current().link_calls, seconds=60)
    return doors.knock(g.house, token)


def _form(way: doors.Way, error: DomainError | None = None) -> Response:
    page = render_template("door.html", passcode=bool(way.passcode_hash), error=str(error.sentence) if error else "")
    response = make_response(page, error.status if error else 200)
    if error and "retry_after" in error.facts:
        response.headers["Retry-After"] = str(error.facts["retry_after"])
    return response
