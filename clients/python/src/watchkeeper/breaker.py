"""The circuit breaker: after some failures in a row nobody is asked for a while."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Callable, Optional


class CircuitBreaker:
    """Closed (all may try), open (nobody may), half open (one may try).

    Not locked: whoever owns it uses it from one thread, or under a lock.
    """

    def __init__(
        self, failures: int, pause: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._pause = pause
        self._clock = clock
        self._opened: Optional[float] = None
        self.consecutive_failures = 0
        #: When it opened last until when, by the wall clock: for people.
        self._until: Optional[datetime] = None

    def allows(self) -> bool:
        """Whether a call may be tried now."""
        return self.wait() == 0

    def wait(self) -> float:
        """Seconds until a call may be tried."""
        if self._opened is None:
            return 0.0
        return max(self._opened + self._pause - self._clock(), 0.0)

    @property
    def open_until(self) -> Optional[datetime]:
        """None: it is closed, or its pause is over."""
        return None if self.allows() else self._until

    def succeeded(self) -> None:
        """The call worked: all may try again."""
        self.consecutive_failures = 0
        self._opened = self._until = None

    def failed(self) -> bool:
        """The call failed; true if that opened it. A failed trial opens it again at once."""
        self.consecutive_failures += 1
        if self.consecutive_failures < self._limit:
            return False
        self._opened = self._clock()
        self._until = datetime.now(timezone.utc) + timedelta(seconds=self._pause)
        return True
