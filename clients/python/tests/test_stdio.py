"""A program is told instead of an address."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from watchkeeper import Settings
from watchkeeper.stdio_wire import command_for

from .conftest import MakeTracker


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "server"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent}/stdio_server.py"\n')
    path.chmod(0o700)
    return str(path)


def test_a_program_is_told_over_its_input(
    quick: Settings, program: str, make_tracker: MakeTracker
) -> None:
    tracker = make_tracker(replace(quick, program=program))
    assert tracker.start() == "sess_open"
    assert tracker.end() is True


def test_the_token_travels_as_an_argument_of_the_tool(
    quick: Settings, program: str, make_tracker: MakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHKEEPER_TOKEN", "abc")
    assert make_tracker(replace(quick, program=program)).start() == "sess_token"


@pytest.mark.parametrize("program", ["/nowhere/at/all", "/bin/true", "/etc/passwd"])
def test_a_program_that_does_not_speak_is_unreachable(
    quick: Settings, program: str, make_tracker: MakeTracker
) -> None:
    tracker = make_tracker(replace(quick, program=program))
    assert tracker.emit_session_start().result(20) is None
    assert program in str(tracker.reason)


def test_a_program_that_never_answers_is_given_up(
    quick: Settings, program: str, make_tracker: MakeTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WK_TEST_DEAF", "1")
    tracker = make_tracker(replace(quick, program=program, timeout=0.3, attempts=1))
    assert tracker.emit_session_start().result(20) is None
    assert "no answer in time" in str(tracker.reason)


def test_a_project_is_run_as_its_users_do(tmp_path: Path) -> None:
    assert command_for(str(tmp_path))[:3] == ["uv", "--directory", str(tmp_path)]
    assert command_for("/usr/bin/wk") == ["/usr/bin/wk", "mcp"]
    assert command_for("/usr/bin/other") == ["/usr/bin/other"]
