"""The daemon is away, slow, strange or says no: the shell works."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from watchkeeper import Settings, SessionTracker

from .conftest import MakeTracker, files
from .stub import StubServer


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def away(settings: Settings) -> Settings:
    return replace(settings, endpoint=f"http://127.0.0.1:{free_port()}/mcp")


def spool(settings: Settings) -> Path:
    assert settings.spool is not None
    return settings.spool


def test_three_failures_open_the_breaker(
    quick: Settings, make_tracker: MakeTracker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "watchkeeper")
    tracker = make_tracker(away(quick))
    assert tracker.emit_session_start().result(10) is None
    until = tracker._circuit_open_until
    assert until is not None and 50 < until.timestamp() - time.time() <= 60
    assert tracker._consecutive_failures == 3
    assert not tracker.available and tracker.session_id is None
    assert "refused" in str(tracker.reason) and "open until" in str(tracker.reason)
    assert tracker.banner()[0].startswith("Session Tracking: ✗ Disabled (")
    assert "Circuit breaker opened" in caplog.text
    # Open: nobody is asked, so nobody waits.
    assert tracker.emit_session_end().result(0.5) is False


def test_failures_are_tried_again_and_counted_once(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    server.failures = [503, 500]
    tracker = make_tracker(quick)
    assert tracker.emit_session_start().result(10) == "sess_0"
    assert server.calls == 3 and len(server.starts) == 1
    assert tracker._consecutive_failures == 0 and tracker._circuit_open_until is None


def test_after_its_pause_the_breaker_lets_one_try(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    server.failures = [503, 503, 503, 503]
    tracker = make_tracker(replace(quick, breaker_open=0.05))
    assert tracker.emit_session_start().result(10) is None
    # The trial fails, the next one does not: nobody has to ask for it.
    server.until("told of the start", lambda: server.starts)
    assert server.calls == 5
    assert tracker.end() is True


def test_what_nobody_took_is_told_by_the_next_shell_once_and_in_order(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    gone = away(quick)
    for name in ("first", "second"):
        tracker = make_tracker(gone, name)
        assert tracker.start() is None
        assert tracker.end() is False
        tracker.close()
    kept = files(spool(quick))
    assert len(kept) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert stat.S_IMODE(spool(quick).stat().st_mode) == 0o700

    # The daemon is back where it was.
    port = int(gone.endpoint.split(":")[2].split("/")[0])
    with StubServer(port) as back:
        with SessionTracker("third", settings=gone):
            back.until("told of all", lambda: len(back.ends) == 2)
        told = [start["component_name"] for start in back.starts]
        assert told == ["third", "first", "second"]
        ends = [(end["session_id"], end["timestamp"]) for end in back.ends]
        assert [session for session, _ in ends] == ["sess_1", "sess_2", "sess_0"]
        assert ends[0][1] < ends[1][1] < back.starts[0]["timestamp"]
    assert files(spool(quick)) == []
    assert server.starts == []


def test_what_waits_for_another_server_is_left_alone(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    tracker = make_tracker(away(quick), "elsewhere")
    tracker.start()
    tracker.close()
    with SessionTracker("here", settings=quick):
        pass
    assert [start["component_name"] for start in server.starts] == ["here"]
    assert len(files(spool(quick))) == 1


def test_what_is_declined_does_not_block_what_comes_after_it(
    server: StubServer, quick: Settings
) -> None:
    spool(quick).mkdir(parents=True)
    for number, component in enumerate(["declined", "taken"]):
        start = {"event_id": str(number), "component_name": component}
        line = json.dumps({"endpoint": quick.endpoint, "start": start})
        (spool(quick) / f"{number}.events").write_text(line)
    server.declines = "declined"
    with SessionTracker("mine", settings=quick) as tracker:
        server.until("told of the second", lambda: len(server.starts) == 2)
        assert tracker.available
    assert [start["component_name"] for start in server.starts] == ["mine", "taken"]
    assert [path.name for path in files(spool(quick))] == ["0.events"]


def test_a_torn_or_planted_file_is_no_trouble(server: StubServer, quick: Settings) -> None:
    folder = spool(quick)
    folder.mkdir(parents=True, mode=0o755)
    (folder / "1.events").write_bytes(b'\n{"endpoint": "x", "start": {"a"\n\xff\x00[1]\n')
    (folder / "2.events").symlink_to("/etc/passwd")
    os.mkfifo(folder / "3.events")
    (folder / "4.events").write_text("[" * 100_000)
    with SessionTracker("mytool", settings=quick) as tracker:
        assert tracker.session_id == "sess_0"
        # The leftovers come after the answer: the end is behind them in the thread.
    assert len(server.starts) == 1
    assert [path.name for path in files(folder)] == ["2.events", "3.events"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null/x"])
def test_without_a_disk_the_shell_is_tracked_all_the_same(quick: Settings, place: str) -> None:
    with SessionTracker("mytool", settings=replace(quick, spool=Path(place))) as tracker:
        assert tracker.session_id == "sess_0"


def test_a_full_disk_loses_no_session(quick: Settings) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    from watchkeeper.delivery import Delivery
    from watchkeeper.spool import SpoolFile

    delivery = Delivery({"event_id": "x"})
    delivery._file = SpoolFile(Path("/nowhere"), os.open("/dev/full", os.O_RDWR))
    delivery.took({"session_id": "sess_0"})
    assert delivery.started.result(0) == "sess_0"


def test_a_silent_server_does_not_hold_up_the_shell(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    server.open.clear()
    tracker = make_tracker(replace(quick, timeout=0.2, start_wait=0.05, end_wait=0.05))
    began = time.monotonic()
    assert tracker.start() is None
    assert tracker.reason == "no answer yet"
    assert time.monotonic() - began < 2
    assert tracker.emit_session_start().result(10) is None
    assert "no answer in time" in str(tracker.reason)


def test_a_dripping_server_does_not_hold_up_the_thread(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    server.drips = True
    tracker = make_tracker(replace(quick, timeout=0.3, attempts=1))
    began = time.monotonic()
    assert tracker.emit_session_start().result(10) is None
    # One answer takes five seconds at this pace.
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_allowed_hears_so_at_once_and_keeps_the_event(
    server: StubServer, quick: Settings, make_tracker: MakeTracker, status: int
) -> None:
    server.failures = [status] * 10
    tracker = make_tracker(quick)
    assert tracker.start() is None
    assert server.calls == 1
    assert "not allowed" in str(tracker.reason)
    tracker.close()
    assert len(files(spool(quick))) == 1


def test_what_can_never_be_taken_is_not_sent_for_ever(
    server: StubServer, quick: Settings, make_tracker: MakeTracker
) -> None:
    server.failures = [400]
    tracker = make_tracker(quick)
    assert tracker.start() is None
    assert "refused" in str(tracker.reason)
    tracker.close()
    assert files(spool(quick)) == []


@pytest.mark.parametrize("strange", ["", "Error: no such thing", "[1]", '{"status":"tracked"}'])
def test_an_answer_without_an_id_is_none(
    server: StubServer, quick: Settings, make_tracker: MakeTracker, strange: str
) -> None:
    server.strange = strange
    tracker = make_tracker(replace(quick, attempts=1))
    assert tracker.emit_session_start().result(10) is None
    assert tracker.session_id is None


@pytest.mark.parametrize("endpoint", ["", "ftp://x/", "http://", "http://[::1", "http://x:y/"])
def test_an_address_that_is_none_disables_tracking(quick: Settings, endpoint: str) -> None:
    with SessionTracker("mytool", settings=replace(quick, endpoint=endpoint)) as tracker:
        assert tracker.session_id is None
        assert tracker.banner()[0].startswith("Session Tracking: ✗ Disabled (")


def test_a_page_that_is_no_mcp_server_is_unreachable(
    quick: Settings, make_tracker: MakeTracker
) -> None:
    tracker = make_tracker(replace(quick, endpoint=quick.endpoint + "?x", attempts=1))
    tracker.start()
    assert tracker.session_id == "sess_0"


def test_the_token_is_in_the_header_and_nowhere_else(
    server: StubServer,
    quick: Settings,
    monkeypatch: pytest.MonkeyPatch,
    make_tracker: MakeTracker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("WATCHKEEPER_AUTH_SECRET", "s3cr3t-" * 6)
    server.failures = [503]
    tracker = make_tracker(quick)
    tracker.start()
    tracker.emit_session_start().result(10)
    token = server.headers[0]["Authorization"].removeprefix("Bearer ")
    content = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert content["aud"] == "session-buddy" and content["iss"] == "watchkeeper"
    assert "token" not in server.starts[0]
    assert "Origin" not in server.headers[0]
    for text in (caplog.text, *(path.read_text() for path in files(spool(quick)))):
        assert token not in text and "s3cr3t" not in text


SHELL = """
import os, sys
from dataclasses import replace
from watchkeeper import SessionTracker, Settings
settings = Settings.from_environment()
tracker = SessionTracker("mytool", settings=replace(settings, start_wait=10, end_wait=10))
print(tracker.start(), flush=True)
"""


def run_shell(server: StubServer, home: Path, rest: str) -> subprocess.CompletedProcess[str]:
    source = Path(__file__).parents[1] / "src"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(source),
        "WATCHKEEPER_ENDPOINT": server.endpoint,
    }
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", SHELL + rest],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_leaving_the_interpreter_ends_the_session(server: StubServer, home: Path) -> None:
    done = run_shell(server, home, "sys.exit(3)")
    assert (done.returncode, done.stdout, done.stderr) == (3, "sess_0\n", "")
    assert [end["session_id"] for end in server.ends] == ["sess_0"]


def test_a_tracker_that_nobody_keeps_tells_of_the_end_all_the_same(
    server: StubServer, home: Path
) -> None:
    done = run_shell(server, home, "del tracker; import gc; gc.collect()")
    assert (done.stdout, done.stderr, len(server.ends)) == ("sess_0\n", "", 1)


def test_a_crash_of_the_shell_ends_it_too(server: StubServer, home: Path) -> None:
    done = run_shell(server, home, "raise RuntimeError('mine')")
    assert done.returncode == 1 and "mine" in done.stderr
    assert len(server.ends) == 1


def test_a_forked_child_does_not_end_its_parents_session(server: StubServer, home: Path) -> None:
    rest = """
if os.fork() == 0:
    assert tracker.session_id is None and not tracker.available
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
print("child gone", flush=True)
input() if False else None
os._exit(0)
"""
    done = run_shell(server, home, rest.replace("input() if False else None\n", ""))
    assert done.stdout == "sess_0\nchild gone\n" and done.returncode == 0
    assert server.ends == []


def test_a_killed_shell_leaves_nothing_to_tell(
    server: StubServer, quick: Settings, home: Path
) -> None:
    done = run_shell(server, home, "os.kill(os.getpid(), 9)")
    assert done.returncode == -9
    left = home / ".local/state/watchkeeper/client-spool"
    assert len(files(left)) == 1
    with SessionTracker("next", settings=replace(quick, spool=left)):
        pass
    # The daemon sees for itself that the process is gone.
    assert files(left) == [] and len(server.starts) == 2 and len(server.ends) == 1


def test_the_user_can_switch_it_off(
    server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHKEEPER_TRACKING", "off")
    monkeypatch.setenv("WATCHKEEPER_ENDPOINT", server.endpoint)
    with SessionTracker("mytool") as tracker:
        assert tracker.session_id is None and "switched off" in tracker.banner()[0]
    assert server.starts == []
