"""A base for admin shells: tracked from start to end."""

from __future__ import annotations

import asyncio
import code
import re
import sys
from typing import Any, Optional

from .pending import Pending
from .tracker import SessionTracker

class AdminShell:
    """A shell that is a session. Use it as a base, or mix it into a shell of your own.

    `start()` runs IPython where it is installed, else Python's own prompt. A shell with a loop of
    its own calls `_notify_session_start()` before it and `_notify_session_end()` after it.
    """

    #: None: the class's name without `Shell`, in small letters.
    component_name: Optional[str] = None
    component_version: Optional[str] = None
    cli_enabled: bool = True
    adapters: tuple[str, ...] = ()

    _tracker: Any = None
    _session_id: Optional[str] = None

    def __init__(self, app: Any = None, config: Any = None) -> None:
        self.app = app
        self.config = config
        self.namespace: dict[str, Any] = {"app": app, "shell": self}

    @property
    def session_tracker(self) -> Any:
        """A `SessionTracker`, or whatever was put in its place."""
        if self._tracker is None:
            self._tracker = SessionTracker(self._component(), shell_type=type(self).__name__)
        return self._tracker

    @session_tracker.setter
    def session_tracker(self, tracker: Any) -> None:
        self._tracker = tracker

    @property
    def session_id(self) -> Optional[str]:
        """The session's id; none while the shell is not tracked."""
        if self._session_id is None and self._tracker is not None:
            # It may have come after the shell went on without it.
            late = self._tracker.session_id
            return late if isinstance(late, str) else None
        return self._session_id

    @session_id.setter
    def session_id(self, value: Optional[str]) -> None:
        self._session_id = value

    async def _notify_session_start(self) -> None:
        """Tells of the start, and waits a moment for the session's id."""
        emission = self.session_tracker.emit_session_start(
            shell_type=type(self).__name__, metadata=self._session_metadata()
        )
        self._session_id = await _soon(emission, None, "start_wait", self.session_tracker)

    async def _notify_session_end(self) -> None:
        """Tells of the end, and waits a moment until that has arrived."""
        emission = self.session_tracker.emit_session_end(session_id=self.session_id)
        await _soon(emission, False, "end_wait", self.session_tracker)
        self._session_id = None

    def start(self) -> None:
        """Runs the shell from its banner to its end."""
        asyncio.run(self._notify_session_start())
        try:
            self._interact("\n".join([*self._banner(), ""]))
        finally:
            asyncio.run(self._notify_session_end())

    def _banner(self) -> list[str]:
        return [type(self).__name__, *self._tracking_lines()]

    def _tracking_lines(self) -> list[str]:
        lines = self.session_tracker.banner()
        return [str(line) for line in lines] if isinstance(lines, list) else []

    def _interact(self, banner: str) -> None:
        banner = printable(banner)
        try:
            from IPython.terminal.embed import InteractiveShellEmbed
        except ImportError:
            code.interact(banner=banner, local=self.namespace, exitmsg="")
        else:
            embed: Any = InteractiveShellEmbed
            embed(banner1=banner, user_ns=self.namespace, confirm_exit=False)()

    def _component(self) -> str:
        name = re.sub(r"(?<=.)Shell$", "", type(self).__name__)
        return self.component_name or name.lower()

    def _session_metadata(self) -> dict[str, Any]:
        return {
            "component_version": self.component_version,
            "cli_enabled": self.cli_enabled,
            "adapters": list(self.adapters),
        }


def printable(text: str) -> str:
    """The text as far as this terminal can show it."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        return text.encode(encoding, "replace").decode(encoding)
    except LookupError:
        return text


async def _soon(emission: Any, default: Any, setting: str, tracker: Any) -> Any:
    """Waits for what an emit function returned, but never long; any tracker will do."""
    if isinstance(emission, Pending):
        return await emission.soon_async(default, getattr(tracker.settings, setting))
    try:
        return await asyncio.wait_for(emission, 1.0)
    except Exception:
        # Somebody else's tracker: the shell goes on without it as well.
        return default
