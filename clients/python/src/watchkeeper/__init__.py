"""Makes a Python shell a session of Watchkeeper: tracked from start to end, never held up."""

from __future__ import annotations

import logging

from .ipython import load_ipython_extension, unload_ipython_extension
from .pending import Pending
from .session_file import cleanup_stale_sessions, get_stored_session_id, store_session_id
from .settings import Settings
from .shell import AdminShell
from .tracker import SessionTracker

#: The name that the original has.
SessionEventEmitter = SessionTracker

__version__ = "0.1.0"

__all__ = [
    "AdminShell",
    "Pending",
    "SessionEventEmitter",
    "SessionTracker",
    "Settings",
    "cleanup_stale_sessions",
    "get_stored_session_id",
    "load_ipython_extension",
    "store_session_id",
    "unload_ipython_extension",
]

# Without it Python prints warnings of libraries into the user's shell.
logging.getLogger(__name__).addHandler(logging.NullHandler())
