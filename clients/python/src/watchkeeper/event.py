"""The two events of a shell, in the form that every server of this kind takes."""

from __future__ import annotations

import os
import platform
import re
import unicodedata
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Optional

from .auth import username

_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]+")


def start_event(
    component_name: str, shell_type: str, metadata: Optional[Mapping[str, Any]] = None
) -> dict[str, Any]:
    """The start of this process's shell."""
    return {
        "event_version": "1.0",
        # Whoever gets it twice knows by this that it is the same.
        "event_id": str(uuid.uuid4()),
        "event_type": "session_start",
        "component_name": component(component_name),
        "shell_type": text(shell_type, 100) or "PythonShell",
        "timestamp": timestamp(),
        "pid": os.getpid(),
        "user": {"username": text(username(), 100), "home": text(os.path.expanduser("~"), 500)},
        "hostname": text(platform.node(), 253) or "unknown",
        "environment": {
            "python_version": text(platform.python_version(), 100),
            "platform": text(platform.platform(), 200),
            "cwd": text(_working_directory(), 500),
        },
        "metadata": dict(metadata or {}),
    }


def start_extras() -> dict[str, Any]:
    """What only a Watchkeeper takes; servers of another make refuse fields that they do not know."""
    extras: dict[str, Any] = {"heartbeat": True}
    began = _process_start_time()
    return extras if began is None else {**extras, "process_start_time": began}


def end_event(metadata: Optional[Mapping[str, Any]] = None) -> dict[str, Any]:
    """The end of a shell; which one is added when it is sent."""
    return {
        "event_type": "session_end",
        "timestamp": timestamp(),
        "metadata": dict(metadata or {}),
    }


def component(name: str) -> str:
    """A name that the contract allows: letters, digits, `_` and `-`."""
    return _FOREIGN.sub("-", name).strip("-")[:100] or "python"


def text(value: str, limit: int) -> str:
    """One bounded line that can be written as UTF-8, whatever it came from."""
    line = "".join("?" if unicodedata.category(c) == "Cc" else c for c in value[:limit])
    return line.encode("utf-8", "replace").decode("utf-8")


def timestamp() -> str:
    """Now, as RFC 3339 in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        # It was removed under us.
        return "unknown"


def _process_start_time() -> Optional[int]:
    """Clock ticks after boot; with the pid it names this process and no later one."""
    try:
        with open("/proc/self/stat", "rb") as stat:
            return int(stat.read().rpartition(b") ")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
