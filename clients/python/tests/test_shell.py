"""Admin shells, and the IPython extension."""

from __future__ import annotations

import asyncio
import io
import sys
from dataclasses import replace
from typing import Any, Optional
from unittest.mock import AsyncMock, patch

import pytest

import watchkeeper
from watchkeeper import AdminShell, SessionTracker, Settings
from watchkeeper.ipython import load_ipython_extension, unload_ipython_extension

from .stub import StubServer


class MahavishnuShell(AdminShell):
    component_version = "1.0.0"
    adapters = ("llamaindex", "agno", "prefect")


def test_session_lifecycle() -> None:
    """The quick start's own test, with our import path instead of its."""

    async def lifecycle() -> None:
        with patch("watchkeeper.tracker.SessionTracker") as mock_emitter:
            # Configure mock
            mock_emitter.return_value.emit_session_start = AsyncMock(return_value="sess_test123")
            mock_emitter.return_value.emit_session_end = AsyncMock(return_value=True)

            # Create shell
            shell = MahavishnuShell(object())
            shell.session_tracker = mock_emitter.return_value

            # Test session start
            await shell._notify_session_start()
            assert shell.session_id == "sess_test123"
            shell.session_tracker.emit_session_start.assert_called_once()

            # Test session end
            await shell._notify_session_end()
            shell.session_tracker.emit_session_end.assert_called_once()

    asyncio.run(lifecycle())


def test_a_tracker_that_fails_does_not_stop_a_shell() -> None:
    shell = MahavishnuShell()
    shell.session_tracker = AsyncMock()
    shell.session_tracker.emit_session_start.side_effect = RuntimeError("no")
    asyncio.run(shell._notify_session_start())
    assert shell.session_id is None


def test_an_admin_shell_is_told_of_with_its_metadata(
    server: StubServer, quick: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("print('id', shell.session_id)\n"))
    monkeypatch.setitem(sys.modules, "IPython.terminal.embed", None)
    shell = MahavishnuShell()
    shell.session_tracker = SessionTracker(shell._component(), settings=quick)
    shell.start()
    printed = capsys.readouterr()
    assert "Session Tracking: ✓ Enabled (Watchkeeper connected)\n  Session ID: sess_0" in printed.err
    assert "id sess_0" in printed.out
    start = server.starts[0]
    assert (start["component_name"], start["shell_type"]) == ("mahavishnu", "MahavishnuShell")
    assert start["metadata"]["adapters"] == ["llamaindex", "agno", "prefect"]
    assert len(server.ends) == 1
    assert shell.session_tracker.available and shell.session_tracker._circuit_open_until is None


def test_an_id_that_comes_late_is_there_all_the_same(server: StubServer, quick: Settings) -> None:
    server.open.clear()
    shell = MahavishnuShell()
    shell.session_tracker = tracker = SessionTracker("x", settings=replace(quick, start_wait=0.01))
    asyncio.run(shell._notify_session_start())
    before: Optional[str] = shell.session_id
    assert before is None
    server.open.set()
    assert tracker.emit_session_start().result(10) == "sess_0"
    assert shell.session_id == "sess_0"
    tracker.close()


class FakeIPython:
    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def push(self, variables: dict[str, Any], interactive: bool) -> None:
        assert not interactive
        self.pushed.update(variables)


def test_the_extension_shows_its_banner(
    server: StubServer, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("WATCHKEEPER_ENDPOINT", server.endpoint)
    ipython = FakeIPython()
    watchkeeper.load_ipython_extension(ipython)
    load_ipython_extension(ipython)
    assert capsys.readouterr().out.count("Session Tracking: ✓ Enabled") == 2
    assert ipython.pushed["session_tracker"].session_id == "sess_0"
    unload_ipython_extension(ipython)
    assert len(server.starts) == len(server.ends) == 1


def test_a_real_ipython_loads_it(server: StubServer, home: Any, tmp_path: Any) -> None:
    pytest.importorskip("IPython", reason="IPython is not installed")
    import os
    import subprocess
    from pathlib import Path

    source = str(Path(__file__).parents[1] / "src")
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--quick", "--simple-prompt", "--no-banner"],
        input="%load_ext watchkeeper\nprint(session_tracker.session_id * 2)\nexit()\n",
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "IPYTHONDIR": str(tmp_path),
            "PYTHONPATH": source,
            "PYTHONIOENCODING": "utf-8",
            "WATCHKEEPER_ENDPOINT": server.endpoint,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "✓ Enabled" in done.stdout and "sess_0sess_0" in done.stdout, done
    assert len(server.ends) == 1


def test_a_poor_terminal_gets_a_poor_banner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert watchkeeper.shell.printable("✓ ok") == "? ok"
