"""The thread that tells the daemon, so that no shell ever waits for a network."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from typing import Optional

from .breaker import CircuitBreaker
from .delivery import Delivery, Message
from .errors import Declined, Refused, TrackingError
from .mcp import McpClient
from .settings import Settings
from .spool import Spool

logger = logging.getLogger(__name__)

HEARTBEAT = "track_session_heartbeat"


class Worker:
    """Delivers one process's events in order: tries, waits, tries again; beats while they live."""

    def __init__(
        self, settings: Settings, client: McpClient, endpoint: str, spool: Optional[Spool]
    ) -> None:
        #: After a fork the child needs a worker of its own: threads are not inherited.
        self.pid = os.getpid()
        self.breaker = CircuitBreaker(settings.breaker_failures, settings.breaker_open)
        self.available = False
        #: Why the last call did not work.
        self.reason: Optional[str] = None
        self._settings = settings
        self._client = client
        self._endpoint = endpoint
        self._spool = spool
        self._wake = threading.Condition()
        self._poked = False
        self._stopping = False
        self._thread: Optional[threading.Thread] = None
        self._deliveries: list[Delivery] = []
        self._leftovers_at = 0.0

    def add(self, delivery: Delivery) -> None:
        """From now on it is looked after."""
        delivery.keep(self._spool, self._endpoint)
        with self._wake:
            self._deliveries.append(delivery)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="watchkeeper-tracker", daemon=True
                )
                self._thread.start()
        self.poke()

    def poke(self) -> None:
        """Something has changed: look at once."""
        with self._wake:
            self._poked = True
            self._wake.notify()

    def stop(self, timeout: float) -> None:
        """Ends the thread; what is not told yet stays on disk."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(timeout)
        for delivery in self._deliveries:
            delivery.let_go()

    def _run(self) -> None:
        while True:
            try:
                pause = self._turn()
            except Exception:
                # A defect here must cost neither the shell nor the events that are on disk.
                logger.exception("tracking had an accident")
                pause = self._settings.heartbeat
            with self._wake:
                if self._stopping:
                    break
                if not self._poked:
                    self._wake.wait(None if pause == math.inf else pause)
                self._poked = False
        self._client.close()

    def _turn(self) -> float:
        """Does what can be done now; answers how many seconds nothing can."""
        with self._wake:
            deliveries = list(self._deliveries)
        for delivery in deliveries:
            self._advance(delivery)
            self._beat(delivery)
        with self._wake:
            self._deliveries = [delivery for delivery in deliveries if not delivery.finished] + [
                delivery for delivery in self._deliveries if delivery not in deliveries
            ]
        if self.available:
            self._send_leftovers()
        return min((self._pause(delivery) for delivery in deliveries), default=math.inf)

    def _advance(self, delivery: Delivery) -> None:
        while (message := delivery.message()) and delivery.due <= time.monotonic():
            if not self.breaker.allows():
                delivery.give_up_waiting()
                return
            if not self._tell(delivery, message):
                return

    def _tell(self, delivery: Delivery, message: Message) -> bool:
        """Tries one message; false if it still waits."""
        try:
            delivery.took(self._client.call(*message))
        except Refused as error:
            logger.warning("Watchkeeper refused %s: %s", message.tool, error)
            self._worked(str(error))
            delivery.refused()
        except TrackingError as error:
            # What a shell left that is gone may never be taken: that is not this shell's trouble.
            if not (delivery.left and isinstance(error, Declined)):
                self._failed(error)
            delivery.failed()
            enough = delivery.failures >= self._settings.attempts or isinstance(error, Declined)
            if enough or not self.breaker.allows():
                delivery.give_up_waiting()
            pause = self._settings.delay(delivery.failures)
            if enough:
                pause, delivery.failures = self._settings.breaker_open, 0
            delivery.due = time.monotonic() + max(pause, self.breaker.wait())
            return False
        else:
            self._worked(None)
        return True

    def _beat(self, delivery: Delivery) -> None:
        """Says that the shell still lives: a host far away cannot see its process."""
        now = time.monotonic()
        if delivery.session_id is None or delivery.end is not None or delivery.finished:
            return
        if delivery.beat_at is None:
            delivery.beat_at = now + self._settings.heartbeat
        if now < delivery.beat_at or not self.breaker.allows():
            return
        delivery.beat_at = now + self._settings.heartbeat
        beat = {"session_id": delivery.session_id}
        try:
            answer = self._client.call(HEARTBEAT, beat)
        except Refused:
            # A server of another make, which does not know of heartbeats.
            self._worked(None)
            delivery.beat_at = math.inf
        except TrackingError as error:
            self._failed(error)
        else:
            self._worked(None)
            if answer.get("status") in ("not_found", "ended"):
                delivery.beat_at = math.inf

    def _send_leftovers(self) -> None:
        """Sends what shells that are gone have left, the oldest first."""
        if self._spool is None or time.monotonic() < self._leftovers_at:
            return
        self._leftovers_at = time.monotonic() + self._settings.breaker_open
        for file in self._spool.leftovers():
            delivery = Delivery.of_file(file, self._endpoint)
            if delivery is None:
                continue
            self._advance(delivery)
            delivery.let_go(remove=delivery.message() is None)
            if not self.available:
                return

    def _pause(self, delivery: Delivery) -> float:
        if delivery.finished:
            return math.inf
        if delivery.message() is not None:
            return max(delivery.due - time.monotonic(), self.breaker.wait(), 0.0)
        if delivery.beat_at is not None:
            return max(delivery.beat_at - time.monotonic(), self.breaker.wait(), 0.0)
        return math.inf

    def _worked(self, reason: Optional[str]) -> None:
        self.available, self.reason = True, reason
        self.breaker.succeeded()

    def _failed(self, error: TrackingError) -> None:
        self.available, self.reason = False, str(error)
        logger.debug("Watchkeeper unavailable: %s", error)
        if self.breaker.failed():
            logger.warning("Circuit breaker opened - Watchkeeper unavailable: %s", error)
