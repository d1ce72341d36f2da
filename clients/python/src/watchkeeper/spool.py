"""Events that wait on disk while the daemon is away.

One file per shell, one JSON object per line: the start, the session's id once it is known, the
end. The shell holds a lock on its file; a file that nobody holds belongs to a shell that is gone,
and whoever finds it sends what is left of it. A file is removed once all of it has arrived.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import stat
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

logger = logging.getLogger(__name__)

_SUFFIX = ".events"
_FRESH = ".new"
_OPEN = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Spool:
    """The folder of one user's files."""

    #: More shells than this do not wait on disk at once.
    LIMIT = 1000
    #: What has waited longer is of no interest to anybody.
    OLDEST = 7 * 24 * 3600.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, first: Mapping[str, Any]) -> Optional[SpoolFile]:
        """A new file that begins with this; none where the disk does not let us."""
        path = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex}{_SUFFIX}"
        fresh = path.with_suffix(_FRESH)
        try:
            self._make()
            if len(self._names(_SUFFIX)) >= self.LIMIT:
                logger.warning("%s is full: an event waits in memory only", self.folder)
                return None
            fd = os.open(fresh, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            logger.debug("cannot keep events in %s: %s", self.folder, error)
            return None
        file = SpoolFile(path, fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.append(first)
            # Only now can others see it: complete, and held.
            os.rename(fresh, path)
        except OSError as error:
            logger.debug("cannot keep events in %s: %s", self.folder, error)
            with contextlib.suppress(OSError):
                os.unlink(fresh)
            file.close()
            return None
        return file

    def leftovers(self) -> Iterator[SpoolFile]:
        """Files of shells that are gone, the oldest first; each is held until it is closed."""
        try:
            self._make()
            self._remove_remains()
            names = sorted(self._names(_SUFFIX))
        except OSError as error:
            logger.debug("cannot look into %s: %s", self.folder, error)
            return
        for name in names:
            file = self._take(self.folder / name)
            if file is not None:
                yield file

    def _take(self, path: Path) -> Optional[SpoolFile]:
        try:
            fd = os.open(path, _OPEN)
        except OSError:
            # Sent by somebody else just now, or not a file that we would have made.
            return None
        file = SpoolFile(path, fd)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                raise OSError("not ours")
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(fd)
            if found.st_nlink != 1:
                raise OSError("sent by somebody else")
        except OSError:
            file.close()
            return None
        if time.time() - found.st_mtime > self.OLDEST:
            file.remove()
            return None
        return file

    def _make(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = os.lstat(self.folder)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise OSError(f"{self.folder} is not a folder of this user")
        if found.st_mode & 0o077:
            os.chmod(self.folder, 0o700)

    def _names(self, suffix: str) -> list[str]:
        return [name for name in os.listdir(self.folder) if name.endswith(suffix)]

    def _remove_remains(self) -> None:
        """A shell that was killed while it made its file leaves one that nobody will send."""
        for name in self._names(_FRESH):
            path = self.folder / name
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime > 3600:
                    path.unlink()


class SpoolFile:
    """One shell's file; the lock on it lasts until it is closed."""

    #: No shell has more to tell than this.
    LARGEST = 256 * 1024

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    def append(self, line: Mapping[str, Any]) -> None:
        """Adds a line; raises `OSError` where that is not possible."""
        # A line of its own even after one that a full disk has cut.
        data = f"\n{json.dumps(line, default=str)}\n".encode()
        while data:
            data = data[os.write(self._fd, data) :]

    def read(self) -> list[dict[str, Any]]:
        """All whole lines; what was cut by a crash or a full disk is left out."""
        data = os.pread(self._fd, self.LARGEST, 0)
        lines = []
        for line in data.decode("utf-8", "replace").splitlines():
            with contextlib.suppress(ValueError, RecursionError):
                found = json.loads(line)
                if isinstance(found, dict):
                    lines.append(found)
        return lines

    def remove(self) -> None:
        """Removes the file, and lets it go."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)
        self.close()

    def close(self) -> None:
        """Lets the file go: whoever finds it next sends what is left."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)
