"""A program that speaks MCP on its standard input and output, for the tests."""

import json
import os
import sys


def answer(message: dict) -> dict:  # type: ignore[type-arg]
    if message["method"] == "initialize":
        return {"serverInfo": {"name": "watchkeeper"}, "protocolVersion": "2025-06-18"}
    arguments = message["params"]["arguments"]
    # What travelled as an argument is shown, so that the test can see it.
    seen = f"sess_{'token' if arguments.get('token') else 'open'}"
    status = "ended" if message["params"]["name"] == "track_session_end" else "tracked"
    return {"structuredContent": {"result": {"session_id": seen, "status": status}}}


if os.environ.get("WK_TEST_DEAF"):
    sys.stdin.read()
    sys.exit()
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "method": "ping", "id": message["id"]}))
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer(message)}))
        sys.stdout.flush()
