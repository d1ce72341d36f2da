"""The file in which one program says to others in a project which session they are in.

```text
claude_session_{project}           as every program knows it: the latest of a project so called
claude_session_{project}.{hash}    the same of exactly this folder
claude_session_.{pid}-{start}      of exactly this agent's process; only `wk-hook` writes it
```

Two lines, the id and a time; in the last two a third one says whose it is. The folder is open to
all, so nothing in it is believed that could be another user's.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from . import project
from .project import Place
from .session_entry import PREFIX, UNKNOWN, Corrupt, Entry, Foreign, is_id, read, remove, write
from .daemon_files import state_folder
from .settings import seconds

logger = logging.getLogger(__name__)


def store_session_id(session_id: str, project_name: str) -> bool:
    """Says in which session this project is; true if it was stored.

    Whoever reads at the same time finds the old id or the new one, never half of it.
    """
    fsync = os.environ.get("WK_HOOKS_SESSION_FILE_FSYNC") in ("true", "1", "yes", "on")
    try:
        if not is_id(session_id):
            return False
        places = [project.exact(_folder(), project_name), project.plain(_folder(), project_name)]
        for place in places:
            if place is not None:
                _remember(place.path)
                write(place.path, session_id, place.owner, fsync)
    except (OSError, ValueError) as error:
        _debug(f"cannot store the session's id: {error}")
        return False
    return True


def get_stored_session_id(project_name: str) -> str:
    """The session that this project is in; `unknown` where nobody has said, or not today.

    In the project that was asked for, what was said to exactly this agent or folder comes first.
    """
    try:
        folder = _folder()
        exact = project.exact(folder, project_name)
        for place in (*project.agents(folder, project_name), exact):
            found = _look(place) if place else None
            if found:
                return found
        found = _look(project.plain(folder, project_name))
        if found and not (exact and _is_of_namesake(project_name, found)):
            return found
    except (OSError, ValueError) as error:
        _debug(f"no session's id: {error}")
    return UNKNOWN


def cleanup_stale_sessions() -> int:
    """Removes files that are too old or corrupted; answers how many.

    Only files of this user with our name and our form: others' may match the pattern. One that
    has lost its form is ours only if it was written here.
    """
    removed, ours = 0, _remembered()
    for path in _files(PREFIX):
        try:
            entry = read(path)
            if _is_stale(entry):
                removed += remove(path, entry.inode)
        except Corrupt as error:
            if path in ours:
                _debug(f"removed {path}: {error}")
                removed += remove(path, error.inode)
        except (Foreign, OSError) as error:
            _debug(f"left {path} alone: {error}")
    if removed > 10:
        logger.warning("cleaned up %d stale sessions", removed)
    return removed


def _look(place: Place) -> Optional[str]:
    try:
        entry = read(place.path)
    except Corrupt as error:
        _debug(f"no session's id: {error}")
        # What was not written here is somebody's own, whatever its name is.
        if place.path in _remembered():
            remove(place.path, error.inode)
        return None
    except (Foreign, OSError) as error:
        _debug(f"no session's id: {error}")
        return None
    if _is_stale(entry):
        remove(place.path, entry.inode)
        return None
    return entry.session_id if entry.owner == place.owner else None


def _is_of_namesake(project_name: str, session_id: str) -> bool:
    """Whether another folder of the same name has this very id."""
    for path in _files(f"{PREFIX}{project_name}."):
        try:
            entry = read(path)
        except (Corrupt, Foreign, OSError):
            continue
        if entry.session_id == session_id and entry.owner is not None:
            return True
    return False


def _folder() -> str:
    folder = os.environ.get("WK_HOOKS_SESSION_FILE_DIR", "")
    return folder if os.path.isabs(folder) else "/tmp"


def _is_stale(entry: Entry) -> bool:
    limit = seconds(os.environ.get("WK_HOOKS_SESSION_FILE_TTL"), 24 * 3600.0)
    # One from the future is not fresh for ever: a clock may have been wrong.
    return abs(time.time() - entry.at) >= limit


def _files(prefix: str) -> Iterator[str]:
    try:
        names = os.listdir(_folder())
    except OSError:
        return
    for name in names:
        if name.startswith(prefix) and not name.endswith(".tmp"):
            yield os.path.join(_folder(), name)


def _list() -> Optional[Path]:
    """Where it is noted which files were written here."""
    state = state_folder(os.environ)
    return state / "hooks/session-files" if state else None


def _remembered() -> set[str]:
    path = _list()
    try:
        return set(os.fsdecode(path.read_bytes()).split("\n")) if path else set()
    except OSError:
        return set()


def _remember(path: str) -> None:
    note = _list()
    if note is None or os.path.lexists(path):
        return
    try:
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(note, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, os.fsencode(path) + b"\n")
        finally:
            os.close(fd)
    except OSError as error:
        # Without it, a damaged file stays where it is.
        _debug(f"cannot note {path}: {error}")


def _debug(text: str) -> None:
    logger.debug(text)
    if os.environ.get("HOOK_DEBUG", "").lower() == "true":
        print(f"watchkeeper: {text}", file=sys.stderr)
