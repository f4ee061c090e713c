"""How often somebody may ask, counted in the queue's server, so that all processes count together.

A window is a key that ends by itself. A server that was emptied or does not answer only forgives: nobody is turned away
because something is broken, and no request waits for it longer than ``PATIENCE``, once in ``PAUSE``.
"""

from __future__ import annotations

import logging
import math
import time

from redis import Redis
from redis.exceptions import RedisError

from core import clock
from plugin_sdk.errors import RateLimited

log = logging.getLogger(__name__)
PATIENCE, PAUSE = 0.1, 5.0


class Rates:
    """Counters of this house. Thread-safe: the client keeps a pool."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._redis: Redis | None = None
        self._again = 0.0

    def take(self, what: str, who: str, *, most: int, seconds: int) -> None:
        """Count one more of ``what`` by ``who`` in this window of ``seconds``; ``most`` 0 is no limit.

        :raise RateLimited: it is one too many; says when the window ends
        """
        if not most or time.monotonic() < self._again:
            return
        now = clock.now().timestamp()
        window = int(now // seconds)
        count = self._counted(f"telerad:rate:{what}:{who}:{window}", seconds)
        if count > most:
            raise RateLimited(retry_after=max(1, math.ceil((window + 1) * seconds - now)))

    def _counted(self, key: str, seconds: int) -> int:
        if self._redis is None:
            self._redis = Redis.from_url(self.url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE)
        line = self._redis.pipeline(transaction=False)
        line.incr(key)
        line.expire(key, 2 * seconds)
        try:
            return int(line.execute()[0])
        except (RedisError, OSError) as error:
            self._again = time.monotonic() + PAUSE
            log.warning("calls are not counted", extra={"error": type(error).__name__})
            return 0
