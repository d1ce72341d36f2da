"""One session file, looked at with suspicion: anybody can put anything into `/tmp`."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from datetime import datetime, timezone
from typing import NamedTuple, Optional

PREFIX = "claude_session_"
UNKNOWN = "unknown"

_LARGEST = 8192
_LONGEST_ID = 256


class Entry(NamedTuple):
    """What a session file says."""

    session_id: str
    at: float
    #: Whose it is; none in the plain file of a project's name.
    owner: Optional[str]
    inode: int


class Corrupt(Exception):
    """A file of this user's that says nothing sensible."""

    inode = 0


class Foreign(Exception):
    """The file may be anybody's: it is neither believed nor touched."""


def is_id(text: str) -> bool:
    """Whether a text may stand for a session: others make paths of it."""
    return (
        0 < len(text.encode("utf-8", "replace")) <= _LONGEST_ID
        and text != UNKNOWN
        and not text.startswith(".")
        and text.isprintable()
        and not re.search(r"[\s/]", text)
    )


def read(path: str) -> Entry:
    """Reads a session file; follows no link, and waits for nothing."""
    # Without waiting, since it may be a pipe that somebody planted.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(fd)
        # No link: somebody has just replaced it. Two: a name that others gave to our file.
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink > 1:
            raise Foreign("not a file of this user's own")
        if found.st_mode & 0o077:
            raise Foreign("open to others, as none of ours is")
        data = os.read(fd, _LARGEST + 1)
    finally:
        os.close(fd)
    try:
        return _parse(data, found.st_ino)
    except Corrupt as error:
        error.inode = found.st_ino
        raise


def write(path: str, session_id: str, owner: Optional[str], fsync: bool) -> None:
    """Puts a file into its place, whole; raises `OSError` where that is not possible."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    text = "".join(f"{line}\n" for line in (session_id, now, owner) if line)
    folder, name = os.path.split(path)
    # 0600, exclusive, of a name that nobody can guess.
    fd, fresh = tempfile.mkstemp(prefix=f"{name}_", suffix=".tmp", dir=folder)
    try:
        try:
            os.write(fd, text.encode())
            if fsync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(fresh, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise


def remove(path: str, inode: int) -> bool:
    """Removes the file that was read, not one that was stored in its place since."""
    try:
        if os.lstat(path).st_ino != inode:
            return False
        os.unlink(path)
    except OSError:
        return False
    return True


def _parse(data: bytes, inode: int) -> Entry:
    if len(data) > _LARGEST:
        raise Corrupt("too long")
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise Corrupt("not a text") from None
    if len(lines) < 2 or not is_id(lines[0]):
        raise Corrupt("no session's id in it")
    at = _moment(lines[1].strip())
    if at is None:
        raise Corrupt("no time in it")
    if any(line.strip() for line in lines[3:]):
        raise Corrupt("more in it than there should be")
    return Entry(lines[0], at, lines[2] if len(lines) > 2 and lines[2] else None, inode)


def _moment(text: str) -> Optional[float]:
    """A time with its offset, or a local one as older programs write it."""
    # Python before 3.11 knows neither `Z` nor fractions of other than 3 or 6 digits.
    text = re.sub(r"[Zz]$", "+00:00", text)
    text = re.sub(r"\.(\d+)", lambda part: "." + part[1][:6].ljust(6, "0"), text)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
