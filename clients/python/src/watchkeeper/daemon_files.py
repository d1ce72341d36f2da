"""What this user's daemon has left for its clients: settings, and where it listens.

Nothing of it is believed that another user could have put there.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

_LARGEST = 16 * 1024
_ADDRESS = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):(\d{1,5})")


def state_folder(variables: Mapping[str, str]) -> Optional[Path]:
    """Where Watchkeeper keeps this user's state; none where that cannot be told."""
    return _folder(variables, "WK_STATE_DIR", "XDG_STATE_HOME", ".local/state")


def runtime_folder(variables: Mapping[str, str]) -> Optional[Path]:
    """Where this user's daemon has its sockets."""
    found = _folder(variables, "WK_RUNTIME_DIR", "XDG_RUNTIME_DIR", None)
    return found or Path(f"/tmp/watchkeeper-{os.getuid()}")


def settings(folder: Optional[Path]) -> dict[str, Any]:
    """The section `[client]` of the daemon's settings; empty where it has left none."""
    try:
        found = json.loads(_read(folder, "client.json"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def endpoint(folder: Optional[Path]) -> Optional[str]:
    """Where the daemon listens now, as it says itself."""
    found = _ADDRESS.fullmatch(_read(folder, "http").strip())
    if found is None:
        return None
    # An address that stands for all of them is reached at the loopback.
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(found[1], found[1])
    return f"http://{host}:{found[2]}/mcp"


def _folder(
    variables: Mapping[str, str], own: str, xdg: str, home: Optional[str]
) -> Optional[Path]:
    if variables.get(own):
        folder = Path(variables[own])
    elif variables.get(xdg):
        folder = Path(variables[xdg]) / "watchkeeper"
    elif home and variables.get("HOME"):
        folder = Path(variables["HOME"]) / home / "watchkeeper"
    else:
        return None
    return folder if folder.is_absolute() else None


def _read(folder: Optional[Path], name: str) -> str:
    """A small file of this user's in a folder of this user's alone; empty where there is none."""
    if folder is None:
        return ""
    try:
        place = os.lstat(folder)
        if not stat.S_ISDIR(place.st_mode) or place.st_uid != os.geteuid() or place.st_mode & 0o022:
            return ""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(folder / name, flags)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                return ""
            return os.read(fd, _LARGEST).decode("utf-8", "replace")
        finally:
            os.close(fd)
    except OSError:
        return ""
