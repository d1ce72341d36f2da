"""The file that says which session a project is in."""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from watchkeeper import cleanup_stale_sessions, get_stored_session_id, store_session_id

PROJECT = "multi-agent-observability-system"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "session-files"
    place.mkdir()
    monkeypatch.setenv("WK_HOOKS_SESSION_FILE_DIR", str(place))
    monkeypatch.delenv("WK_HOOKS_SESSION_FILE_TTL", raising=False)
    return place


def plant(folder: Path, text: str, mode: int = 0o600, project: str = PROJECT) -> Path:
    path = folder / f"claude_session_{project}"
    path.write_text(text)
    path.chmod(mode)
    return path


def hours_ago(hours: float, zone: bool = False) -> str:
    now = datetime.now().astimezone() if zone else datetime.now()
    return (now - timedelta(hours=hours)).isoformat()


def test_what_is_stored_is_found(folder: Path) -> None:
    assert store_session_id("ses_01HN123ABC789XYZ", PROJECT)
    path = folder / f"claude_session_{PROJECT}"
    session, at, rest = path.read_text().split("\n")
    assert session == "ses_01HN123ABC789XYZ" and rest == ""
    assert datetime.fromisoformat(at).utcoffset() == timedelta(0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert get_stored_session_id(PROJECT) == session
    assert list(folder.iterdir()) == [path]


def test_nothing_stored_is_unknown() -> None:
    assert get_stored_session_id(PROJECT) == "unknown"


@pytest.mark.parametrize(
    "at", [hours_ago(1), hours_ago(23.9, zone=True), "2", "Z"], ids=["local", "zone", "bad", "z"]
)
def test_times_of_other_programs_are_read(folder: Path, at: str) -> None:
    if at == "Z":
        at = time.strftime("%Y-%m-%dT%H:%M:%S.5Z", time.gmtime())
    plant(folder, f"s1\n{at}\n")
    assert get_stored_session_id(PROJECT) == ("unknown" if at == "2" else "s1")


def test_what_is_a_day_old_is_stale_and_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plant(folder, f"s1\n{hours_ago(24.1)}\n")
    assert get_stored_session_id(PROJECT) == "unknown"
    assert not path.exists()
    plant(folder, f"s1\n{hours_ago(2)}\n")
    monkeypatch.setenv("WK_HOOKS_SESSION_FILE_TTL", "1h")
    assert get_stored_session_id(PROJECT) == "unknown"


@pytest.mark.parametrize(
    "text", ["", "s1", "s1\n", "s1\nsoon\n", "../etc\n", "unknown\nx\n", "a b\nx\n", "x" * 5000]
)
def test_a_corrupted_file_is_removed_if_it_was_written_here(folder: Path, text: str) -> None:
    notes = plant(folder, text, project="notes")
    assert get_stored_session_id("notes") == "unknown"
    assert notes.exists()
    assert store_session_id("s1", PROJECT)
    path = plant(folder, text)
    assert get_stored_session_id(PROJECT) == "unknown"
    assert not path.exists()


def test_planted_files_are_neither_believed_nor_touched(folder: Path) -> None:
    good = f"evil\n{hours_ago(1)}\n"
    real = plant(folder, good, project="real")
    link = folder / "claude_session_link"
    link.symlink_to(real)
    hard = folder / "claude_session_hard"
    pipe = folder / "claude_session_pipe"
    os.mkfifo(pipe)
    (folder / "claude_session_folder").mkdir()
    plant(folder, good, mode=0o666, project="open")
    for project in ("link", "pipe", "folder", "open"):
        assert get_stored_session_id(project) == "unknown", project
    assert get_stored_session_id("real") == "evil"
    os.link(real, hard)
    assert get_stored_session_id("hard") == "unknown"
    assert cleanup_stale_sessions() == 0
    assert len(list(folder.iterdir())) == 6
    # Storing replaces a link; it does not write through it.
    assert store_session_id("mine", "link") and not link.is_symlink()
    assert real.read_text() == good


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_not_believed(folder: Path) -> None:
    path = plant(folder, f"evil\n{hours_ago(1)}\n")
    os.chown(path, 65534, 65534)
    assert get_stored_session_id(PROJECT) == "unknown"
    assert path.exists()


@pytest.mark.parametrize(
    "session", ["", "unknown", "../x", "a\nb", "a b", "a\0b", ".x", "x" * 257]
)
def test_what_is_no_id_is_not_stored(folder: Path, session: str) -> None:
    assert not store_session_id(session, PROJECT)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("project", ["", "..", "a/b", "../../etc/x", "a\0b", "a\nb"])
def test_what_is_no_project_leads_nowhere(folder: Path, project: str) -> None:
    assert not store_session_id("s1", project)
    assert get_stored_session_id(project) == "unknown"
    assert list(folder.iterdir()) == []


def test_cleanup_removes_only_what_is_ours_and_warns_of_many(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(11):
        plant(folder, f"s{number}\n{hours_ago(30)}\n", project=f"old{number}")
    assert store_session_id("s", "half")
    plant(folder, "half", project="half")
    plant(folder, f"s\n{hours_ago(1)}\n", project="fresh")
    notes = plant(folder, "my notes", project="notes.txt")
    caplog.set_level(logging.WARNING, "watchkeeper")
    assert cleanup_stale_sessions() == 12
    assert "cleaned up 12 stale sessions" in caplog.text
    assert notes.exists() and get_stored_session_id("fresh") == "s"
    caplog.clear()
    assert cleanup_stale_sessions() == 0 and not caplog.records


def test_namesakes_are_told_apart(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for parent in "ab":
        (tmp_path / parent / "same/.git").mkdir(parents=True)
        (tmp_path / parent / "same/src").mkdir()
        monkeypatch.chdir(tmp_path / parent / "same/src")
        assert get_stored_session_id("same") == "unknown", "that of a namesake is not ours"
        assert store_session_id(f"session-{parent}", "same")
    assert get_stored_session_id("same") == "session-b"
    monkeypatch.chdir(tmp_path / "a/same")
    assert get_stored_session_id("same") == "session-a"
    # Who asks from elsewhere by a name gets the latest.
    monkeypatch.chdir(tmp_path)
    assert get_stored_session_id("same") == "session-b"
    # As `wk-hook` names it: FNV-1a of the folder.
    sum = 0xCBF29CE484222325
    for byte in os.fsencode(os.path.realpath(tmp_path / "a/same")):
        sum = (sum ^ byte) * 0x100000001B3 % 2**64
    keyed = folder / f"claude_session_same.{sum:016x}"
    lines = keyed.read_text().split("\n")
    assert lines[0] == "session-a" and lines[2] == f"folder {os.path.realpath(tmp_path)}/a/same"


def test_the_agent_above_us_is_believed_first(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p").mkdir()
    monkeypatch.chdir(tmp_path / "p")
    assert store_session_id("of-the-folder", "p")
    parent = os.getppid()
    began = Path(f"/proc/{parent}/stat").read_text().rpartition(") ")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    own = f"of-the-agent\n{hours_ago(1)}\nprocess {parent} {began} {boot}\n"
    plant(folder, own, project=f".{parent}-{began}")
    assert get_stored_session_id("p") == "of-the-agent"
    plant(folder, own.replace(boot, "another boot"), project=f".{parent}-{began}")
    assert get_stored_session_id("p") == "of-the-folder"


def test_debug_mode_says_why(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_DEBUG", "true")
    get_stored_session_id(PROJECT)
    assert "watchkeeper: no session's id" in capsys.readouterr().err


def test_readers_never_see_half_an_id(folder: Path) -> None:
    ids = [f"{letter}" * 200 for letter in "ab"]
    assert store_session_id(ids[0], PROJECT)
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(get_stored_session_id(PROJECT))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(300):
        assert store_session_id(ids[number % 2], PROJECT)
    done.set()
    reader.join()
    assert seen <= set(ids)


def test_without_a_folder_nothing_is_stored_and_nothing_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WK_HOOKS_SESSION_FILE_DIR", "/proc/nowhere")
    assert not store_session_id("s1", PROJECT)
    assert get_stored_session_id(PROJECT) == "unknown"
    assert cleanup_stale_sessions() == 0
