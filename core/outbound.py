"""The one way out of the house: https to public addresses, connected to the address that was checked.

A name is resolved once and the connection goes to that address, so a second answer of the resolver changes nothing.
Hosts on the operator's list (TELERAD_FETCH_ALLOW) may be private and may speak plain http.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from plugin_sdk.errors import DomainError
from plugin_sdk.i18n import lazy as _l
from plugin_sdk.types import Fetched

log = logging.getLogger(__name__)
SECONDS = 5.0
MOST = 1024 * 1024


class NotFetched(DomainError):
    """The other side did not answer, or answered more than we take."""

    status, code, sentence = 503, "unavailable", _l("外部服务没有应答")


class AddressRefused(DomainError):
    """The address is not one that this house may call."""

    sentence = _l("不允许访问该地址")


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    allow: frozenset[str] = frozenset(),
) -> Fetched:
    """Call another house. No redirects; 5 s to connect and for each read; an answer of at most 1 MB.

    :param allow: hosts that may be private, ``host`` or ``host:port``
    :raise AddressRefused: not https, a private, loopback or link-local address, or credentials in the URL
    :raise NotFetched: no answer, or too long a one
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    trusted = host in allow or f"{host}:{port}" in allow
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and not trusted) or parts.username or not host:
        raise AddressRefused
    address = _resolve(host, port, trusted=trusted)
    pool: urllib3.HTTPConnectionPool
    timeout = urllib3.Timeout(connect=SECONDS, read=SECONDS)
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address, port, timeout=timeout, retries=False, assert_hostname=host, server_hostname=host
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout, retries=False)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {**(headers or {}), "Host": host if parts.port is None else f"{host}:{port}"}
    try:
        answer = pool.urlopen(method, target, body=body, headers=sent, redirect=False, preload_content=False)
        data = answer.read(MOST + 1, decode_content=False)
    except (HTTPError, OSError) as error:
        log.warning("fetch failed", extra={"error": type(error).__name__})
        raise NotFetched from error
    finally:
        pool.close()
    if len(data) > MOST:
        raise NotFetched
    return Fetched(status=answer.status, headers={k.lower(): v for k, v in answer.headers.items()}, body=data)


def _resolve(host: str, port: int, *, trusted: bool) -> str:
    """The address to connect to. Every answer of the resolver must be public, or none is taken."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotFetched from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not trusted and not all(_public(a) for a in addresses):
        raise AddressRefused
    return str(addresses[0])


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (inner := address.ipv4_mapped or address.sixtofour):
        return _public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved
