"""What all tests share: an environment of their own, a server, quick settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from watchkeeper import SessionTracker, Settings
from watchkeeper.auth import SECRETS, TOKEN

from .stub import StubServer

MakeTracker = Callable[..., SessionTracker]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes anything of the user who runs it."""
    for name in (*SECRETS, TOKEN, "SESSION_BUDDY_PATH", "WATCHKEEPER_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("SESSION_BUDDY_MCP_ENDPOINT", "WATCHKEEPER_TRACKING", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WK_STATE_DIR", "WK_CLIENT_ATTEMPTS", "WK_CLIENT_BREAKER_OPEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("WK_CLIENT_ENDPOINT", "WK_CLIENT_BREAKER_FAILURES"):
        monkeypatch.delenv(name, raising=False)
    # Else it is in /tmp, where a daemon of this user's may be.
    monkeypatch.setenv("WK_RUNTIME_DIR", str(tmp_path / "r"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer() as stub:
        yield stub


@pytest.fixture
def quick(server: StubServer, tmp_path: Path) -> Settings:
    """Real waiting, but little of it."""
    return Settings(
        endpoint=server.endpoint,
        first_delay=0.01,
        longest_delay=0.05,
        timeout=5.0,
        breaker_open=60.0,
        start_wait=10.0,
        end_wait=10.0,
        spool=tmp_path / "spool",
    )


@pytest.fixture
def make_tracker() -> Iterator[MakeTracker]:
    """Makes trackers whose threads end with the test."""
    made: list[SessionTracker] = []

    def make(settings: Settings, component: str = "mahavishnu") -> SessionTracker:
        tracker = SessionTracker(component, settings=settings)
        made.append(tracker)
        return tracker

    yield make
    for tracker in made:
        tracker.close()


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
