"""The file in which one program says to others in a project which session they are in.

`/tmp/claude_session_{project}` holds the id and a time, a line each. The folder is open to all,
so nothing in it is believed that could be another user's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import NamedTuple, Optional

from .settings import seconds

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"

_PREFIX = "claude_session_"
_LARGEST = 4096
_LONGEST_ID = 256
_LONGEST_PROJECT = 200


class _Stored(NamedTuple):
    session_id: str
    at: float
    inode: int


class _Corrupt(Exception):
    """The file is ours, but what is in it is not what we write."""

    inode = 0


class _Foreign(Exception):
    """The file may be anybody's: it is neither believed nor touched."""


def store_session_id(session_id: str, project_name: str) -> bool:
    """Says in which session this project is; true if it was stored.

    Whoever reads at the same time finds the old id or the new one, never half of it.
    """
    try:
        path = _path(project_name)
        if not _is_id(session_id):
            return False
        _replace(path, f"{session_id}\n{_now()}\n")
    except (OSError, ValueError) as error:
        _debug(f"cannot store the session's id: {error}")
        return False
    return True


def get_stored_session_id(project_name: str) -> str:
    """The session that this project is in; `unknown` where nobody has said, or not today."""
    try:
        path = _path(project_name)
        stored = _read(path)
        if _is_stale(stored):
            _remove(path, stored.inode)
            return UNKNOWN
        return stored.session_id
    except _Corrupt as error:
        _debug(f"removed {path}: {error}")
        _remove(path, error.inode)
    except (_Foreign, OSError, ValueError) as error:
        _debug(f"no session's id: {error}")
    return UNKNOWN


def cleanup_stale_sessions() -> int:
    """Removes files that are too old or corrupted; answers how many.

    Only files of this user with our name and our form: others' may match the pattern.
    """
    removed = 0
    for path in _ours():
        try:
            stored = _read(path)
            if _is_stale(stored):
                removed += _remove(path, stored.inode)
        except _Corrupt as error:
            _debug(f"removed {path}: {error}")
            removed += _remove(path, error.inode)
        except (_Foreign, OSError) as error:
            _debug(f"left {path} alone: {error}")
    if removed > 10:
        logger.warning("cleaned up %d stale sessions", removed)
    return removed


def _folder() -> str:
    return os.environ.get("WK_HOOKS_SESSION_FILE_DIR") or "/tmp"


def _time_to_live() -> float:
    return seconds(os.environ.get("WK_HOOKS_SESSION_FILE_TTL"), 24 * 3600.0)


def _path(project: str) -> str:
    bad = "/" in project or not project.isprintable() or project in (".", "..")
    if bad or not 0 < len(project.encode("utf-8", "replace")) <= _LONGEST_PROJECT:
        raise ValueError(f"not a project's name: {project[:80]!r}")
    return os.path.join(_folder(), _PREFIX + project)


def _is_id(text: str) -> bool:
    return (
        0 < len(text.encode("utf-8", "replace")) <= _LONGEST_ID
        and text != UNKNOWN
        and not text.startswith(".")
        and text.isprintable()
        and not re.search(r"[\s/]", text)
    )


def _read(path: str) -> _Stored:
    # Without waiting, since it may be a pipe that somebody planted.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    fd = os.open(path, flags)
    try:
        found = os.fstat(fd)
        # No link: somebody has just replaced it. Two: a name that others gave to our file.
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink > 1:
            raise _Foreign("not a file of this user's own")
        if found.st_mode & 0o077:
            raise _Foreign("open to others, as none of ours is")
        data = os.read(fd, _LARGEST + 1)
    finally:
        os.close(fd)
    try:
        return _parse(data, found.st_ino)
    except _Corrupt as error:
        error.inode = found.st_ino
        raise


def _parse(data: bytes, inode: int) -> _Stored:
    if len(data) > _LARGEST:
        raise _Corrupt("too long")
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise _Corrupt("not a text") from None
    if len(lines) < 2 or not _is_id(lines[0]):
        raise _Corrupt("no session's id in it")
    at = _moment(lines[1].strip())
    if at is None:
        raise _Corrupt("no time in it")
    return _Stored(lines[0], at, inode)


def _moment(text: str) -> Optional[float]:
    """A time with its offset, or a local one as older programs write it."""
    # Python before 3.11 knows neither `Z` nor fractions of other than 3 or 6 digits.
    text = re.sub(r"[Zz]$", "+00:00", text)
    text = re.sub(r"\.(\d+)", lambda part: "." + part[1][:6].ljust(6, "0"), text)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _is_stale(stored: _Stored) -> bool:
    # One from the future is not fresh for ever: a clock may have been wrong.
    return abs(time.time() - stored.at) >= _time_to_live()


def _replace(path: str, text: str) -> None:
    folder, name = os.path.split(path)
    # 0600, exclusive, of a name that nobody can guess.
    fd, fresh = tempfile.mkstemp(prefix=f"{name}_", suffix=".tmp", dir=folder)
    try:
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)
        os.rename(fresh, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise


def _remove(path: str, inode: int) -> bool:
    """Removes the file that was read, not one that was stored in its place since."""
    try:
        if os.lstat(path).st_ino != inode:
            return False
        os.unlink(path)
    except OSError:
        return False
    return True


def _ours() -> Iterator[str]:
    try:
        names = os.listdir(_folder())
    except OSError:
        return
    for name in names:
        if name.startswith(_PREFIX) and not name.endswith(".tmp"):
            yield os.path.join(_folder(), name)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _debug(text: str) -> None:
    logger.debug(text)
    if os.environ.get("HOOK_DEBUG", "").lower() == "true":
        print(f"watchkeeper: {text}", file=sys.stderr)
