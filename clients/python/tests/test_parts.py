"""The parts by themselves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from watchkeeper import auth
from watchkeeper.breaker import CircuitBreaker
from watchkeeper.event import component, start_event, text
from watchkeeper.settings import DEFAULT_ENDPOINT, Settings, seconds
from watchkeeper.sse import SseReader

SECRET = "4f9c1d77a0b84e7c9d02c1e8b5a6f310"


def test_the_breaker_opens_after_three_and_lets_one_try_after_a_minute() -> None:
    now = [0.0]
    breaker = CircuitBreaker(3, 60.0, lambda: now[0])
    assert [breaker.failed() for _ in range(3)] == [False, False, True]
    assert not breaker.allows() and breaker.open_until is not None
    now[0] = 59.9
    assert not breaker.allows() and 0 < breaker.wait() < 0.2
    now[0] = 60.0
    assert breaker.allows() and breaker.open_until is None
    assert breaker.failed(), "a failed trial opens it at once"
    now[0] = 121.0
    breaker.succeeded()
    assert breaker.allows() and not breaker.failed()


def test_delays_double_from_one_to_ten_seconds() -> None:
    settings = Settings()
    assert [settings.delay(n) for n in (0, 1, 2, 3, 4, 5, 5000)] == [1, 1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize(
    ("variables", "endpoint", "program"),
    [
        ({}, DEFAULT_ENDPOINT, None),
        ({"WATCHKEEPER_ENDPOINT": "http://w/mcp"}, "http://w/mcp", None),
        ({"SESSION_BUDDY_MCP_ENDPOINT": "http://s/mcp"}, "http://s/mcp", None),
        (
            {"SESSION_BUDDY_MCP_ENDPOINT": "http://s/", "WATCHKEEPER_ENDPOINT": "http://w/"},
            "http://s/",
            None,
        ),
        ({"SESSION_BUDDY_PATH": "/p"}, DEFAULT_ENDPOINT, "/p"),
        ({"SESSION_BUDDY_PATH": "/p", "WATCHKEEPER_ENDPOINT": "http://w/"}, "http://w/", None),
    ],
)
def test_the_environment_says_whom_to_tell(
    variables: dict[str, str], endpoint: str, program: object
) -> None:
    settings = Settings.from_environment({"WK_RUNTIME_DIR": "/nowhere", **variables})
    assert (settings.endpoint, settings.program) == (endpoint, program)


def test_the_environment_sets_the_rest() -> None:
    settings = Settings.from_environment(
        {"WK_STATE_DIR": "/s", "WK_CLIENT_ATTEMPTS": "5", "WK_CLIENT_BREAKER_OPEN": "2m"}
    )
    assert str(settings.spool) == "/s/client-spool"
    assert (settings.attempts, settings.breaker_open) == (5, 120.0)
    assert Settings.from_environment({"WK_CLIENT_ATTEMPTS": "many", "HOME": "x"}).attempts == 3
    assert Settings.from_environment({}).spool is None
    for given, want in [("60s", 60), ("250ms", 0.25), ("24h", 86400), ("7", 7), ("x", 9), (None, 9)]:
        assert seconds(given, 9) == want


def test_what_the_daemon_has_left_is_read_and_a_variable_comes_first(tmp_path: Path) -> None:
    state, runtime = tmp_path / "s", tmp_path / "run"
    for folder in (state, runtime):
        folder.mkdir(mode=0o700)
    variables = {"WK_STATE_DIR": str(state), "WK_RUNTIME_DIR": str(runtime)}

    def read(**more: str) -> Settings:
        return Settings.from_environment({**variables, **more})

    assert read().endpoint == "http://127.0.0.1:8678/mcp"
    (runtime / "http").write_text("127.0.0.1:4711\n")
    assert read().endpoint == "http://127.0.0.1:4711/mcp"
    # Wherever it listens, it is the same server.
    assert read().server == "http://127.0.0.1:8678/mcp"
    (runtime / "http").write_text("[::]:4711\n")
    assert read().endpoint == "http://[::1]:4711/mcp"
    left = {"endpoint": None, "attempts": 5, "breaker_failures": 7, "breaker_open": 1.5}
    (state / "client.json").write_text(json.dumps(left))
    settings = read()
    assert (settings.attempts, settings.breaker_failures, settings.breaker_open) == (5, 7, 1.5)
    assert settings.endpoint == "http://[::1]:4711/mcp"
    assert read(WK_CLIENT_ATTEMPTS="2").attempts == 2
    (state / "client.json").write_text(json.dumps({**left, "endpoint": "http://box:1/mcp"}))
    assert (read().endpoint, read().server) == ("http://box:1/mcp", "http://box:1/mcp")
    assert read(WK_CLIENT_ENDPOINT="http://own:2/mcp").endpoint == "http://own:2/mcp"
    # What others could have written is not believed, nor what makes no sense.
    state.chmod(0o777)
    assert read().endpoint == "http://[::1]:4711/mcp" and read().attempts == 3
    state.chmod(0o700)
    for strange in ("", "[]", '{"attempts": "many", "breaker_open": {}}', "[" * 100_000):
        (state / "client.json").write_text(strange)
        assert (read().attempts, read().breaker_open) == (3, 60.0)
    (runtime / "http").write_text("evil.example:80\n")
    assert read().endpoint == "http://127.0.0.1:8678/mcp"


def test_a_token_is_signed_with_the_first_secret() -> None:
    made = auth.token({"BODAI_SHARED_SECRET": SECRET, "MAHAVISHNU_CROSS_PROJECT_AUTH_SECRET": "x"})
    assert made is not None
    body, _, signature = made.rpartition(".")
    want = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "=") == want
    head, content = (json.loads(base64.urlsafe_b64decode(p + "==")) for p in body.split("."))
    assert head == {"alg": "HS256", "typ": "JWT"}
    assert content["exp"] - content["iat"] == 300 and content["scopes"] == ["read", "write"]


def test_weak_secrets_and_strange_tokens_are_not_used() -> None:
    assert auth.token({}) is None
    weak = ["short", "changeme" * 5, "a" * 40, "your-secret-of-at-least-32-characters"]
    for value in weak:
        # A bad one is not passed over for a good one: somebody meant it.
        found = {"WATCHKEEPER_AUTH_SECRET": value, "BODAI_SHARED_SECRET": SECRET}
        assert auth.token(found) is None
    assert auth.token({"WATCHKEEPER_TOKEN": " abc ", "BODAI_SHARED_SECRET": SECRET}) == "abc"
    assert auth.token({"WATCHKEEPER_TOKEN": "a\r\nX: y"}) is None


def test_names_and_texts_fit_the_contract() -> None:
    assert component("my tool/2") == "my-tool-2"
    assert component("日本") == "python" and len(component("x" * 500)) == 100
    assert text("a\nb\x1b[2J\udcff", 5) == "a?b?["
    event = start_event("x", "y\n" * 100)
    assert len(event["shell_type"]) == 100 and "\n" not in event["shell_type"]
    json.dumps(event)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_read_however_they_are_cut(size: int) -> None:
    stream = b': hi\r\nevent: message\r\ndata: {"a":\r\ndata:1}\r\n\r\n\n\nid: 7\n\ndata: x\n\ndata: y'
    reader = SseReader()
    found = []
    for at in range(0, len(stream), size):
        found += reader.feed(stream[at : at + size])
    assert found == ['{"a":\n1}', "x"]
