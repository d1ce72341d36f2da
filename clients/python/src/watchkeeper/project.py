"""Which project this program works in, and which session files are exactly its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional

from .session_entry import PREFIX

_LONGEST_NAME = 180


class Place(NamedTuple):
    """A session file, and what it must say of whose it is."""

    path: str
    owner: Optional[str]


def plain(folder: str, project: str) -> Place:
    """The file that every program knows: the latest session of a project of this name."""
    return Place(os.path.join(folder, _file_name(project)), None)


def exact(folder: str, project: str) -> Optional[Place]:
    """The file of the project that we are in, and of no other of its name."""
    here = _project_folder()
    if here is None or (here.name or "root") != project:
        return None
    shown = str(here).replace("\n", "?")
    # FNV-1a, as `wk-hook` does it.
    key = 0xCBF29CE484222325
    for byte in os.fsencode(here):
        key = ((key ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return Place(os.path.join(folder, f"{_file_name(project)}.{key:016x}"), f"folder {shown}")


def agents(folder: str, project: str) -> Iterator[Place]:
    """The files of the agents above us, the nearest first: several may be in one project."""
    if exact(folder, project) is None:
        return
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return
    pid, seen = os.getppid(), 0
    while pid > 0 and seen < 24:
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
            parent, began = int(fields[1]), int(fields[19])
        except (OSError, ValueError, IndexError):
            return
        path = os.path.join(folder, f"{PREFIX}.{pid}-{began}")
        yield Place(path, f"process {pid} {began} {boot}")
        pid, seen = parent, seen + 1


def _project_folder() -> Optional[Path]:
    """The folder that holds `.git`, else the working directory."""
    try:
        here = Path(os.path.realpath(os.getcwd()))
    except OSError:
        return None
    for folder in (here, *here.parents):
        if os.path.lexists(folder / ".git"):
            return folder
    return here


def _file_name(project: str) -> str:
    name = project.encode("utf-8", "surrogateescape")
    bad = b"/" in name or not project.isprintable() or project in (".", "..")
    if bad or not name:
        raise ValueError(f"not a project's name: {project[:80]!r}")
    return PREFIX + os.fsdecode(name[:_LONGEST_NAME])
