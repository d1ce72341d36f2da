"""Tells Watchkeeper when this process's shell starts and ends."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Optional

from . import auth
from .delivery import Delivery, settle
from .event import component, end_event, start_event, start_extras
from .http_wire import HttpWire
from .mcp import McpClient
from .metadata import bounded
from .pending import Pending
from .settings import Settings
from .spool import Spool
from .stdio_wire import StdioWire
from .wire import Wire
from .worker import Worker


logger = logging.getLogger(__name__)


class SessionTracker:
    """One shell's line to Watchkeeper.

    Nothing here raises because of a network, a disk or a daemon, and nothing waits for one longer
    than it says: the shell works, tracked or not.

    >>> with SessionTracker("mytool") as tracker:
    ...     print(tracker.session_id)
    """

    def __init__(
        self,
        component_name: str = "python",
        session_buddy_path: Optional[str] = None,
        *,
        shell_type: Optional[str] = None,
        metadata: Optional[Mapping[str, Any]] = None,
        settings: Optional[Settings] = None,
    ) -> None:
        self.component_name = component(component_name)
        self.shell_type = shell_type or "PythonShell"
        self.metadata = dict(metadata or {})
        self.settings = settings or Settings.from_environment()
        if session_buddy_path:
            self.settings = replace(self.settings, program=session_buddy_path)
        self._delivery: Optional[Delivery] = None
        self._worker: Optional[Worker] = None
        self._unusable: Optional[str] = None
        if not self.settings.enabled:
            self._unusable = "switched off by WATCHKEEPER_TRACKING"

    # What can be seen.

    @property
    def session_id(self) -> Optional[str]:
        """The session's id, once the daemon has said it."""
        delivery = self._own_delivery()
        return delivery.session_id if delivery else None

    @property
    def available(self) -> bool:
        """Whether the last call worked. Asks nobody."""
        worker = self._own_worker()
        return worker is not None and worker.available and worker.breaker.allows()

    @property
    def reason(self) -> Optional[str]:
        """Why this shell is not tracked; none if it is."""
        if self._unusable:
            return self._unusable
        worker = self._own_worker()
        if worker is None or self._own_delivery() is None:
            return "not started"
        if worker.reason and worker.breaker.open_until:
            until = worker.breaker.open_until.astimezone().strftime("%H:%M:%S")
            return f"{worker.reason}; circuit breaker open until {until}"
        if worker.reason or worker.available:
            return worker.reason
        return "no answer yet"

    @property
    def _circuit_open_until(self) -> Optional[datetime]:
        """Until when nobody is asked; none: the circuit is closed."""
        worker = self._own_worker()
        return worker.breaker.open_until if worker else None

    @property
    def _consecutive_failures(self) -> int:
        worker = self._own_worker()
        return worker.breaker.consecutive_failures if worker else 0

    def banner(self) -> list[str]:
        """The lines that a shell shows."""
        if self.session_id:
            tracked = "Session Tracking: ✓ Enabled (Watchkeeper connected)"
            return [tracked, f"  Session ID: {self.session_id}"]
        return [f"Session Tracking: ✗ Disabled ({self.reason or 'not started'})"]

    # Telling. Each of these begins at once, in the background: await it, or call `result()`,
    # or neither.

    def emit_session_start(
        self, shell_type: Optional[str] = None, metadata: Optional[Mapping[str, Any]] = None
    ) -> Pending[Optional[str]]:
        """Tells that the shell starts; answers the session's id, none if nobody took it yet.

        What nobody took stays on disk, and is told as soon as somebody does.
        """
        delivery = self._own_delivery()
        if delivery is None or delivery.end is not None:
            worker = self._make_worker()
            if worker is None:
                return Pending(_settled(None))
            told = bounded({**self.metadata, **(metadata or {})})
            start = start_event(self.component_name, shell_type or self.shell_type, told)
            self._delivery = delivery = Delivery(start, start_extras())
            atexit.register(self._end_at_exit)
            worker.add(delivery)
        return Pending(delivery.started, delivery.start_tried)

    def emit_session_end(
        self, session_id: Optional[str] = None, metadata: Optional[Mapping[str, Any]] = None
    ) -> Pending[bool]:
        """Tells that a shell ends: this one, unless another's id is given.

        Answers whether the daemon knows of the end.
        """
        delivery, worker = self._own_delivery(), self._own_worker()
        if session_id and (delivery is None or session_id != delivery.session_id):
            delivery, worker = Delivery(), self._make_worker()
            delivery.session_id = session_id
            if worker is not None:
                worker.add(delivery)
        if delivery is None or worker is None:
            return Pending(_settled(False))
        if delivery.end is None:
            delivery.due = 0.0
            delivery.add_end(end_event(bounded(metadata or {})))
            worker.poke()
        return Pending(delivery.ended, delivery.end_tried)

    # The same for those who do not await: bounded by `start_wait` and `end_wait`.

    def start(self, metadata: Optional[Mapping[str, Any]] = None) -> Optional[str]:
        """Tells of the start, and waits a moment for the session's id."""
        return self.emit_session_start(metadata=metadata).soon(None, self.settings.start_wait)

    def end(self, metadata: Optional[Mapping[str, Any]] = None) -> bool:
        """Tells of the end, and waits a moment until that has arrived."""
        return self.emit_session_end(metadata=metadata).soon(False, self.settings.end_wait)

    def close(self) -> None:
        """Ends the session if that has not happened, and the thread that told of it."""
        delivery, worker = self._own_delivery(), self._own_worker()
        if delivery is not None and delivery.end is None:
            self.end()
        if worker is not None:
            worker.stop(self.settings.timeout)
        self._worker = self._delivery = None
        atexit.unregister(self._end_at_exit)

    def __enter__(self) -> SessionTracker:
        self.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    async def __aenter__(self) -> SessionTracker:
        await self.emit_session_start().soon_async(None, self.settings.start_wait)
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.emit_session_end().soon_async(False, self.settings.end_wait)
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    # Below this line: a forked child has neither the thread nor the session of its parent.

    def _own_worker(self) -> Optional[Worker]:
        worker = self._worker
        return worker if worker is not None and worker.pid == os.getpid() else None

    def _own_delivery(self) -> Optional[Delivery]:
        return self._delivery if self._own_worker() else None

    def _make_worker(self) -> Optional[Worker]:
        if self._unusable:
            return None
        worker = self._own_worker()
        if worker is None:
            try:
                worker = self._new_worker()
            except ValueError as error:
                self._unusable = str(error)
                return None
            self._worker = worker
        return worker

    def _new_worker(self) -> Worker:
        settings = self.settings
        wire: Wire
        if settings.program:
            wire = StdioWire(settings.program)
        else:
            wire = HttpWire(settings.endpoint, auth.token)
        spool = Spool(settings.spool) if settings.spool else None
        client = McpClient(wire, settings.timeout, auth.token)
        return Worker(settings, client, settings.server, spool)

    def _end_at_exit(self) -> None:
        try:
            self.close()
        except Exception as error:
            # The interpreter is going down: a trace on the terminal helps nobody.
            logger.debug("cannot tell of the end: %s", error)


def _settled(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    settle(future, value)
    return future
