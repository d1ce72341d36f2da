"""The IPython extension: `%load_ext watchkeeper`."""

from __future__ import annotations

from typing import Any, Optional

from .shell import printable
from .tracker import SessionTracker

_tracker: Optional[SessionTracker] = None


def load_ipython_extension(ipython: Any) -> None:
    """Makes this shell a session, and says so."""
    global _tracker
    if _tracker is None:
        _tracker = SessionTracker("ipython", shell_type=type(ipython).__name__)
        _tracker.start()
        # In the namespace, but not in the user's `%who`.
        ipython.push({"session_tracker": _tracker}, interactive=False)
    print(printable("\n".join(_tracker.banner())))


def unload_ipython_extension(ipython: Any) -> None:
    """Ends the session; the shell goes on untracked. Without this, its exit ends it."""
    global _tracker
    if _tracker is not None:
        _tracker.close()
        _tracker = None
