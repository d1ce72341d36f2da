"""One shell's start and end on their way to the daemon."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple, Optional, TypeVar

from .errors import Unreachable
from .spool import Spool, SpoolFile

logger = logging.getLogger(__name__)

_SESSION_ID = re.compile(r"[A-Za-z0-9._:-]{1,200}")

T = TypeVar("T")


class Message(NamedTuple):
    """A call of a tool."""

    tool: str
    arguments: dict[str, Any]
    #: For a Watchkeeper only.
    extras: dict[str, Any]


class Delivery:
    """What is to be told of one session, and how far that has come.

    Each step is on disk before it is tried, so that a shell that is killed has told as much as
    one that is not.
    """

    def __init__(
        self,
        start: Optional[dict[str, Any]] = None,
        extras: Optional[dict[str, Any]] = None,
    ) -> None:
        self.start = start
        self.extras = extras or {}
        self.session_id: Optional[str] = None
        self.end: Optional[dict[str, Any]] = None
        #: Nothing more is to be told: all of it arrived, or will never be taken.
        self.finished = False
        #: The session's id, or none where nobody could be reached for now.
        self.started: Future[Optional[str]] = Future()
        #: Whether the daemon knows of the end.
        self.ended: Future[bool] = Future()
        #: The first attempt to tell it is over, whatever came of it.
        self.start_tried: Future[None] = Future()
        self.end_tried: Future[None] = Future()
        self.failures = 0
        self.due = 0.0
        self.beat_at: Optional[float] = None
        #: It is of a shell that is gone.
        self.left = False
        self._file: Optional[SpoolFile] = None

    @classmethod
    def of_file(cls, file: SpoolFile, endpoint: str) -> Optional[Delivery]:
        """What a shell that is gone has left; none where nothing is to be sent there."""
        delivery = cls()
        delivery._file, delivery.left = file, True
        lines = file.read()
        for line in lines:
            start, session, end = line.get("start"), line.get("session_id"), line.get("end")
            delivery.start = start if isinstance(start, dict) else delivery.start
            extras = line.get("extras")
            delivery.extras = extras if isinstance(extras, dict) else delivery.extras
            delivery.session_id = session if isinstance(session, str) else delivery.session_id
            delivery.end = end if isinstance(end, dict) else delivery.end
        if delivery.message() is None:
            # It was killed: the daemon sees for itself that its process is gone.
            file.remove()
            return None
        if lines[0].get("endpoint") != endpoint:
            file.close()
            return None
        return delivery

    def keep(self, spool: Optional[Spool], endpoint: str) -> None:
        """Gives it a file; without one it waits in memory."""
        if spool is not None:
            told = {"start": self.start, "extras": self.extras, "session_id": self.session_id}
            self._file = spool.create({"endpoint": endpoint, **told})

    @property
    def kept(self) -> bool:
        """Whether it outlives this process."""
        return self._file is not None

    def message(self) -> Optional[Message]:
        """The next call of a tool."""
        if self.finished:
            return None
        if self.session_id is None and self.start is not None:
            return Message("track_session_start", self.start, self.extras)
        if self.end is not None and self.session_id is not None:
            named = {**self.end, "session_id": self.session_id}
            return Message("track_session_end", named, {})
        return None

    def add_end(self, end: dict[str, Any]) -> None:
        """The shell ends."""
        self.end = end
        self._write({"end": end})

    def took(self, answer: Mapping[str, Any]) -> None:
        """The server has taken the message; raises `Unreachable` where the answer is no answer."""
        self.failures = 0
        if self.session_id is None:
            found = answer.get("session_id")
            if not isinstance(found, str) or not _SESSION_ID.fullmatch(found):
                raise Unreachable("the answer names no session")
            self.session_id = found
            self._write({"session_id": self.session_id})
            settle(self.started, self.session_id)
        else:
            self._finish(answer.get("status") != "not_found")

    def refused(self) -> None:
        """The server will never take the message: there is nothing more to say."""
        self._finish(False)

    def failed(self) -> None:
        """An attempt is over, and the message waits for the next."""
        self.failures += 1
        settle(self.start_tried, None)
        if self.end is not None:
            settle(self.end_tried, None)

    def give_up_waiting(self) -> None:
        """Nobody needs to wait any longer; it is sent when somebody can be reached."""
        if self.message() is not None:
            settle(self.started, self.session_id)
            if self.end is not None:
                settle(self.ended, False)

    def let_go(self, remove: bool = False) -> None:
        """The next shell sends what is left, unless that is nothing."""
        if self._file is not None:
            if remove:
                self._file.remove()
            self._file.close()
            self._file = None

    def _finish(self, told: bool) -> None:
        self.finished = True
        settle(self.started, self.session_id)
        settle(self.ended, told)
        if self._file is not None:
            self._file.remove()
            self._file = None

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._file is not None:
            try:
                self._file.append(line)
            except OSError as error:
                logger.debug("cannot keep an event: %s", error)


def settle(future: Future[T], value: T) -> None:
    """Gives the answer, unless there is one already."""
    if not future.done():
        future.set_result(value)
