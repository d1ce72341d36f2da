"""The official client of the protocol against a running daemon.

Arguments: `http URL TOKEN` or `stdio PROGRAM`. Prints one line for each thing that works; any
that does not is an exception.
"""

import asyncio
import sys
import uuid
from datetime import datetime, timedelta, timezone

from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPError

TOOLS = {
    "track_session_start",
    "track_session_end",
    "track_session_heartbeat",
    "list_sessions",
    "show_session",
    "why",
    "end_session",
    "run_session",
    "stop_session",
    "health",
    "analytics",
}

# Told of without a token.
UNVERIFIED = []

BEGAN = datetime(2026, 2, 6, 10, 30, tzinfo=timezone.utc)


def start_event(**changes):
    event = {
        "event_version": "1.0",
        "event_id": str(uuid.uuid4()),
        "event_type": "session_start",
        "component_name": "mahavishnu",
        "shell_type": "MahavishnuShell",
        "timestamp": BEGAN.isoformat(),
        "pid": 12345,
        "user": {"username": "les", "home": "/home/les"},
        "hostname": "elsewhere",
        "environment": {"python_version": "3.13.0", "platform": "macOS", "cwd": "/work"},
        "metadata": None,
    }
    event.update(changes)
    return event


async def call(client, name, arguments=None):
    result = await client.call_tool(name, arguments or {})
    assert not result.is_error, (name, result.content)
    assert result.content[0].text, name
    return result.structured_content


async def refused(client, name, arguments, says):
    result = await client.call_tool(name, arguments)
    assert result.is_error, (name, result)
    assert says in result.content[0].text, result.content[0].text


async def lists(client):
    assert client.server_info.name == "watchkeeper", client.server_info
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == TOOLS, set(tools)
    assert tools["why"].annotations.read_only_hint is True
    assert tools["stop_session"].annotations.destructive_hint is True
    required = tools["track_session_start"].input_schema["required"]
    assert "metadata" not in required and "token" not in required and "pid" in required
    print("lists its tools")


async def tracks(client):
    event = start_event()
    told = await call(client, "track_session_start", event)
    assert told["status"] == "tracked" and told["error"] is None, told
    session_id = told["session_id"]
    assert (await call(client, "track_session_start", event))["session_id"] == session_id
    beat = await call(client, "track_session_heartbeat", {"session_id": session_id})
    assert beat["status"] == "tracked", beat
    early = (BEGAN - timedelta(seconds=1)).isoformat()
    told = await call(
        client, "track_session_end", {"session_id": session_id, "timestamp": early}
    )
    assert told["status"] == "error" and "before the start" in told["error"], told
    end = {
        "session_id": session_id,
        "timestamp": (BEGAN + timedelta(seconds=300)).isoformat(),
        "event_type": "session_end",
        "metadata": None,
    }
    for _ in range(2):
        told = await call(client, "track_session_end", end)
        assert told == {"session_id": session_id, "status": "ended", "error": None}, told
    missing = {**end, "session_id": "aaaaaaaaaaaa"}
    told = await call(client, "track_session_end", missing)
    assert told["status"] == "not_found" and told["session_id"] == "aaaaaaaaaaaa", told
    told = await call(client, "track_session_start", start_event(pid=0))
    assert told["status"] == "error" and "`pid`" in told["error"], told
    print("tracks shells")
    return session_id


async def looks(client, session_id):
    shown = await call(client, "show_session", {"session": session_id})
    assert shown["kind"] == "shell" and shown["duration_seconds"] == 300, shown
    filters = {"type": "admin_shell", "component": "mahavishnu", "limit": 0}
    found = await call(client, "list_sessions", filters)
    assert session_id in [session["session_id"] for session in found["sessions"]], found
    assert found["more"] is False
    why = await until_explained(client, session_id)
    assert why["cause"] == "completed", why
    health = await call(client, "health")
    assert "total_sessions" in health, health
    numbers = await call(client, "analytics", {"metric": "duration", "type": "admin_shell"})
    assert numbers["overall"]["sessions"] >= 1, numbers
    await refused(client, "show_session", {"session": "nosuch"}, "no session `nosuch`")
    await refused(client, "show_session", {}, "`session` is missing")
    await refused(client, "list_sessions", {"limit": "many"}, "`limit` must be a whole number")
    await refused(client, "list_sessions", {"colour": "red"}, "`colour` is not known")
    await refused(client, "list_sessions", {"status": "odd"}, "odd")
    print("looks at sessions")


async def until_explained(client, session_id):
    """A verdict comes a moment after the end."""
    for _ in range(100):
        result = await client.call_tool("why", {"session": session_id})
        if not result.is_error:
            return result.structured_content
        await asyncio.sleep(0.05)
    raise AssertionError(result.content)


async def acts(client):
    ran = await call(client, "run_session", {"command": ["sleep", "1000"], "name": "by-mcp"})
    assert ran["status"] == "running" and ran["name"] == "by-mcp", ran
    await refused(client, "end_session", {"session": "by-mcp"}, "wk stop")
    await call(client, "stop_session", {"session": "by-mcp", "grace_ms": 0})
    why = await until_explained(client, ran["session_id"])
    assert why["cause"] == "stopped", why
    told = await call(client, "track_session_start", start_event())
    ended = await call(client, "end_session", {"session": told["session_id"]})
    assert ended["phase"] == "ended", ended
    print("runs, stops and closes")
    return ran["session_id"]


async def reads(client, session_id):
    templates = (await client.list_resource_templates()).resource_templates
    assert {template.name for template in templates} == {"verdict", "recording"}, templates
    uris = {str(resource.uri) for resource in (await client.list_resources()).resources}
    verdict = f"watchkeeper://sessions/{session_id}/verdict"
    recording = f"watchkeeper://sessions/{session_id}/recording"
    assert {verdict, recording} <= uris, uris
    content = (await client.read_resource(verdict)).contents[0]
    assert content.mime_type == "application/json" and '"stopped"' in content.text, content
    content = (await client.read_resource(recording)).contents[0]
    assert content.text.startswith("{") and '"version"' in content.text, content.text[:80]
    for uri in ("watchkeeper://sessions/nosuch/verdict", "watchkeeper://elsewhere/x"):
        try:
            await client.read_resource(uri)
        except MCPError:
            continue
        raise AssertionError(uri)
    print("reads resources")


async def errors(client):
    try:
        result = await client.call_tool("no_such_tool", {})
        assert result.is_error, result
    except MCPError as error:
        assert "no_such_tool" in str(error), error
    print("says what is wrong")


async def all_of_it(make):
    # As clients spoke until 2025, and as they speak now.
    for mode in ("legacy", "auto"):
        async with make(mode) as client:
            print("speaks", client.protocol_version)
            await lists(client)
            session_id = await tracks(client)
            await looks(client, session_id)
            run_id = await acts(client)
            await reads(client, run_id)
            await errors(client)


async def over_http(url, token):
    headers = {"Authorization": f"Bearer {token}"}

    def make(mode):
        http = create_mcp_http_client(headers=headers)
        return Client(streamable_http_client(url, http_client=http), mode=mode)

    await all_of_it(make)
    # Nobody's: it may tell of its shell, and of nothing else.
    async with Client(url, mode="legacy") as client:
        await lists(client)
        await tracks(client)
        for name, arguments in (
            ("list_sessions", {}),
            ("show_session", {"session": "x"}),
            ("run_session", {"command": ["true"]}),
            ("stop_session", {"session": "x"}),
            ("end_session", {"session": "x"}),
            ("health", {}),
        ):
            await refused(client, name, arguments, "token")
        print("lets nobody in who shows no token")
        await believes(client, token)
    async with make("auto") as client:
        shown = await call(client, "show_session", {"session": UNVERIFIED[0]})
        assert shown["verified"] is False, shown


async def believes(client, token):
    """What is told with a token is ended with one; it may come as an argument."""
    told = await call(client, "track_session_start", start_event(token=token))
    assert told["status"] == "tracked", told
    end = {"session_id": told["session_id"], "timestamp": BEGAN.isoformat()}
    refusal = await call(client, "track_session_end", end)
    assert refusal["status"] == "error" and "needs one" in refusal["error"], refusal
    told = await call(client, "track_session_end", {**end, "token": token})
    assert told["status"] == "ended", told
    unknown = await call(client, "track_session_start", start_event())
    UNVERIFIED.append(unknown["session_id"])
    told = await call(client, "track_session_start", start_event(token="wrong"))
    assert told["status"] == "error" and "token" in told["error"], told
    print("believes tokens")


async def over_stdio(program):
    import os

    server = StdioServerParameters(command=program, args=["mcp"], env=dict(os.environ))
    await all_of_it(lambda mode: Client(server, mode=mode))


if sys.argv[1] == "http":
    asyncio.run(over_http(sys.argv[2], sys.argv[3]))
else:
    asyncio.run(over_stdio(sys.argv[2]))
print("all works")
