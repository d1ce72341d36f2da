"""A shell is told of, start to end."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest

from watchkeeper import SessionTracker, Settings

from .conftest import MakeTracker, files
from .stub import StubServer


def test_a_shell_without_async_is_told_of(server: StubServer, quick: Settings) -> None:
    with SessionTracker("my tool!", shell_type="MyShell", settings=quick) as tracker:
        assert tracker.session_id == "sess_0"
        assert tracker.available and tracker.reason is None
        assert tracker._circuit_open_until is None
        assert tracker.banner() == [
            "Session Tracking: ✓ Enabled (Watchkeeper connected)",
            "  Session ID: sess_0",
        ]
    start, end = server.starts[0], server.ends[0]
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", start["component_name"])
    assert start["shell_type"] == "MyShell" and start["heartbeat"] is True
    assert start["event_version"] == "1.0" and start["event_type"] == "session_start"
    assert set(start["environment"]) == {"python_version", "platform", "cwd"}
    assert end["session_id"] == "sess_0" and end["event_type"] == "session_end"
    assert end["timestamp"] >= start["timestamp"]
    assert files(Path(str(quick.spool))) == []


def test_emissions_can_be_awaited(server: StubServer, quick: Settings) -> None:
    async def shell() -> None:
        async with SessionTracker("mytool", settings=quick) as tracker:
            assert await tracker.emit_session_start() == "sess_0"
            assert await asyncio.wait_for(tracker.emit_session_start(), 10) == "sess_0"
            assert tracker.session_id is not None
            ended = asyncio.create_task(_end(tracker))
            assert await ended is True

    asyncio.run(shell())
    assert len(server.starts) == len(server.ends) == 1


async def _end(tracker: SessionTracker) -> bool:
    return await tracker.emit_session_end(tracker.session_id)


def test_an_emission_is_a_coroutine_for_asyncio_run(
    quick: Settings, make_tracker: MakeTracker
) -> None:
    tracker = make_tracker(quick)
    assert asyncio.run(tracker.emit_session_start("MahavishnuShell")) == "sess_0"
    assert asyncio.run(tracker.emit_session_end("sess_0")) is True


def test_nobody_has_to_wait_for_an_emission(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    make_tracker(quick).emit_session_start()
    server.until("told of the start", lambda: server.starts)


def test_giving_up_waiting_does_not_stop_the_telling(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    server.open.clear()
    tracker = make_tracker(quick)

    async def impatient() -> Optional[str]:
        try:
            return await asyncio.wait_for(tracker.emit_session_start(), 0.01)
        except asyncio.TimeoutError:
            return "too late"

    assert asyncio.run(impatient()) == "too late"
    pending = tracker.emit_session_start()
    with pytest.raises(TimeoutError):
        pending.result(0.01)
    assert not pending.done()
    server.open.set()
    assert pending.result(10) == "sess_0"
    assert len(server.starts) == 1


def test_an_answer_after_the_loop_is_closed_disturbs_nobody(
    server: StubServer,
    quick: Settings,
    make_tracker: MakeTracker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.open.clear()
    tracker = make_tracker(replace(quick, start_wait=0.01))

    async def impatient() -> None:
        await tracker.emit_session_start().soon_async(None, 0.01)
        task = asyncio.ensure_future(tracker.emit_session_start())
        await asyncio.wait({task}, timeout=0.01)

    asyncio.run(impatient())
    server.open.set()
    assert tracker.emit_session_start().result(10) == "sess_0"
    tracker.close()
    # Python would print it into the shell.
    assert caplog.records == []


def test_answers_as_server_sent_events_are_read(server: StubServer, quick: Settings) -> None:
    server.form = "sse"
    with SessionTracker("mytool", settings=quick) as tracker:
        assert tracker.session_id == "sess_0"
    assert server.ends


def test_a_server_that_was_started_anew_is_introduced_again(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    tracker = make_tracker(quick)
    tracker.start()
    server.forget()
    assert tracker.end() is True


def test_the_end_of_an_unknown_session_is_not_told(
    quick: Settings, make_tracker: MakeTracker
) -> None:
    tracker = make_tracker(quick)
    assert tracker.emit_session_end("nobody").result(10) is False
    assert tracker.emit_session_end().result(10) is False


def test_shells_beat_while_they_live(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    tracker = make_tracker(replace(quick, heartbeat=0.02))
    tracker.start()
    server.until("two heartbeats", lambda: len(server.beats) >= 2)
    assert server.beats[0]["session_id"] == "sess_0"
    assert tracker.end() is True
    assert len(server.starts) == len(server.ends) == 1


def test_servers_of_another_make_get_what_they_know(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    server.name = "session-buddy"
    tracker = make_tracker(replace(quick, heartbeat=0.01))
    tracker.start()
    assert "heartbeat" not in server.starts[0] and "process_start_time" not in server.starts[0]
    assert tracker.end() is True
    assert server.beats == []


def test_a_bare_id_is_an_answer_too(server: StubServer, quick: Settings) -> None:
    server.strange = "mahavishnu-20260206-103000"
    with SessionTracker("mytool", settings=quick) as tracker:
        assert tracker.session_id == "mahavishnu-20260206-103000"
        server.strange = None


def test_metadata_of_any_kind_is_made_fit(server: StubServer, quick: Settings) -> None:
    metadata = {"path": Path("/x"), "adapters": ["a"]}
    with SessionTracker("mytool", metadata=metadata, settings=quick):
        pass
    with SessionTracker("mytool", metadata={"much": "x" * 100_000}, settings=quick):
        pass
    assert server.starts[0]["metadata"] == {"path": "/x", "adapters": ["a"]}
    assert server.starts[1]["metadata"] == {"omitted": "100012 bytes"}
