"""The real daemon is told; `WK_BIN` names the `wk` to run, its helpers beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import pytest

from watchkeeper import AdminShell, SessionTracker, Settings

from .conftest import MakeTracker, files

WK = os.environ.get("WK_BIN")
pytestmark = pytest.mark.skipif(not WK, reason="WK_BIN names no wk: nothing here was checked")

Wk = Callable[..., str]


@pytest.fixture
def wk(short: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wk]:
    """Calls of `wk` for a daemon of this test's own."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(short),
        "WK_STATE_DIR": str(short / "s"),
        "WK_RUNTIME_DIR": str(short / "r"),
        "WK_CONFIG": str(short / "config.toml"),
        "WK_WITNESS_START": "off",
        "WK_SERVER_LISTEN": address,
        "TMUX_TMPDIR": str(short),
    }
    monkeypatch.setenv("WATCHKEEPER_ENDPOINT", f"http://{address}/mcp")
    for name, value in environment.items():
        if name.startswith("WK_"):
            monkeypatch.setenv(name, value)

    def call(*words: str, **more: str) -> str:
        done = subprocess.run(
            [str(WK), *words],
            env={**environment, **more},
            cwd=short,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, (words, done)
        return done.stdout

    if "\n  mcp " not in call("--help"):
        pytest.skip("this wk has no `wk mcp`: nothing here was checked")
    try:
        call("daemon", "start")
        yield call
        call("daemon", "stop")
    finally:
        end_daemon(short)


def end_daemon(folder: Path) -> None:
    """Ends one that does not end by itself: it would outlive its folder."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((folder / "s/daemon.lock").read_text())
        if os.fsencode(folder) in Path(f"/proc/{pid}/environ").read_bytes():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name: the path of a socket may not be long."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="wkp", dir="/tmp") as folder:
        yield Path(folder)


def patient() -> Settings:
    return replace(Settings.from_environment(), start_wait=20.0, end_wait=20.0, timeout=10.0)


def show(wk: Wk, session: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(wk("show", session, "--format", "json"))
    return found


def test_the_daemon_shows_what_it_was_told(wk: Wk) -> None:
    with SessionTracker("mytool", shell_type="MyShell", settings=patient()) as tracker:
        session = tracker.session_id
        assert session, tracker.reason
        told = show(wk, session)
        assert (told["kind"], told["status"], told["pid"]) == ("shell", "running", os.getpid())
        assert (told["component_name"], told["shell_type"]) == ("mytool", "MyShell")
    ended = show(wk, session)
    assert ended["phase"] == "ended" and ended["status"] == "completed", ended
    assert ended["end_time"] is not None


def test_an_admin_shell_is_a_session_of_the_daemon(wk: Wk) -> None:
    class MahavishnuShell(AdminShell):
        adapters = ("prefect",)

    shell = MahavishnuShell()
    shell.session_tracker.settings = patient()
    asyncio.run(shell._notify_session_start())
    session = shell.session_id
    assert session and show(wk, session)["metadata"]["adapters"] == ["prefect"]
    asyncio.run(shell._notify_session_end())
    assert show(wk, session)["phase"] == "ended"
    shell.session_tracker.close()


def test_a_shell_without_a_daemon_is_told_of_when_it_is_back(
    wk: Wk, make_tracker: MakeTracker
) -> None:
    wk("daemon", "stop")
    settings = patient()
    away = make_tracker(replace(settings, first_delay=0.01, longest_delay=0.01), "away")
    assert away.start() is None and away.end() is False
    away.close()
    assert settings.spool is not None and len(files(settings.spool)) == 1
    wk("daemon", "start")
    with SessionTracker("back", settings=settings) as tracker:
        assert tracker.session_id
    listed = json.loads(wk("ls", "--all", "--format", "json"))
    assert {session["component_name"] for session in listed} == {"away", "back"}
    assert files(settings.spool) == []


def test_wk_itself_is_told_over_its_input(wk: Wk) -> None:
    settings = replace(patient(), program=WK)
    with SessionTracker("mytool", settings=settings) as tracker:
        session = tracker.session_id
        assert session, tracker.reason
    assert show(wk, session)["phase"] == "ended"


def test_a_daemon_that_wants_web_tokens_believes_ours(
    wk: Wk, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = secrets.token_urlsafe(32)
    wk("daemon", "stop")
    (short / "config.toml").write_text('[auth]\nmode = "jwt"\n')
    wk("daemon", "start", WATCHKEEPER_AUTH_SECRET=secret)
    with SessionTracker("stranger", settings=patient()) as stranger:
        assert stranger.session_id is None and "token" in str(stranger.reason)
    monkeypatch.setenv("WATCHKEEPER_AUTH_SECRET", secret)
    with SessionTracker("friend", settings=patient()) as friend:
        assert friend.session_id, friend.reason


def test_a_secret_that_is_exported_switches_nothing_off(
    wk: Wk, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, secret = "MAHAVISHNU_CROSS_PROJECT_AUTH_SECRET", secrets.token_urlsafe(32)
    monkeypatch.setenv(name, secret)
    with SessionTracker("alone", settings=patient()) as alone:
        assert alone.session_id, alone.reason
        assert show(wk, alone.session_id)["verified"] is False
    wk("daemon", "stop")
    wk("daemon", "start", **{name: secret})
    with SessionTracker("both", settings=patient()) as both:
        assert both.session_id, both.reason
        assert show(wk, both.session_id)["verified"] is True
    monkeypatch.setenv(name, secrets.token_urlsafe(32))
    with SessionTracker("stranger", settings=patient()) as stranger:
        assert "its signature is wrong" in stranger.banner()[0]


def test_settings_and_address_come_from_the_daemon(
    wk: Wk, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATCHKEEPER_ENDPOINT")
    (short / "config.toml").write_text('[client]\nattempts = 7\nbreaker_open = "90s"\n')
    wk("config", "reload")
    settings = patient()
    assert (settings.attempts, settings.breaker_open) == (7, 90.0)
    with SessionTracker("found", settings=settings) as tracker:
        assert tracker.session_id, tracker.reason
