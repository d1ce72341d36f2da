"""A server that speaks MCP over HTTP, as far as the client needs one, and can misbehave."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Optional

PATIENCE = 20.0


class StubServer:
    """Keeps what it is told; a test waits for that instead of sleeping."""

    def __init__(self, port: int = 0) -> None:
        #: `json` or `sse`: how it answers.
        self.form = "json"
        self.name = "watchkeeper"
        #: As many tool calls are answered with this status first.
        self.failures: list[int] = []
        #: The text of a tool's answer, instead of the right one.
        self.strange: Optional[str] = None
        #: Starts of this component are answered with an error.
        self.declines = ""
        #: Cleared: answers wait until it is set.
        self.open = threading.Event()
        self.open.set()
        self.drips = False
        self.starts: list[dict[str, Any]] = []
        self.ends: list[dict[str, Any]] = []
        self.beats: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.calls = 0
        self._sessions: dict[str, str] = {}
        self._connections: set[str] = set()
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.stub = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def forget(self) -> None:
        """As if it had been started anew: it knows none of its connections."""
        self._connections.clear()

    def until(self, what: str, wanted: Any) -> None:
        with self._changed:
            if not self._changed.wait_for(wanted, PATIENCE):
                raise AssertionError(f"never {what}: {self.starts} {self.ends}")

    def close(self) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> StubServer:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def answer(self, message: dict[str, Any], headers: dict[str, str]) -> tuple[int, Any, str]:
        """The status, the body, and the connection's id."""
        method = message.get("method")
        if method == "initialize":
            connection = f"c{len(self._connections) + self.calls + 1}"
            self._connections.add(connection)
            about = {"serverInfo": {"name": self.name, "version": "0"}, "capabilities": {}}
            return 200, {**about, "protocolVersion": "2025-06-18"}, connection
        connection = headers.get("Mcp-Session-Id", "")
        if connection not in self._connections:
            return 404, None, ""
        if method != "tools/call":
            return 202, None, ""
        with self._changed:
            self.calls += 1
            self.headers.append(headers)
            try:
                if self.failures:
                    return self.failures.pop(0), None, ""
                return 200, self._call(message["params"]), ""
            finally:
                self._changed.notify_all()

    def _call(self, call: dict[str, Any]) -> dict[str, Any]:
        arguments = call["arguments"]
        if self.strange is not None:
            return {"content": [{"type": "text", "text": self.strange}]}
        if self.declines and arguments.get("component_name") == self.declines:
            answer = {"session_id": None, "status": "error", "error": "no"}
        elif call["name"] == "track_session_start":
            known = self._sessions.get(arguments["event_id"])
            if known is None:
                known = f"sess_{len(self._sessions)}"
                self._sessions[arguments["event_id"]] = known
                self.starts.append(arguments)
            answer = {"session_id": known, "status": "tracked", "error": None}
        elif call["name"] == "track_session_end":
            found = arguments["session_id"] in self._sessions.values()
            self.ends.append(arguments)
            status = "ended" if found else "not_found"
            answer = {"session_id": arguments["session_id"], "status": status, "error": None}
        elif call["name"] == "track_session_heartbeat" and self.name == "watchkeeper":
            self.beats.append(arguments)
            answer = {"session_id": arguments["session_id"], "status": "tracked"}
        else:
            return {"isError": True, "content": [{"type": "text", "text": "Unknown tool"}]}
        return {"content": [{"type": "text", "text": json.dumps(answer)}]}


class _Server(ThreadingHTTPServer):
    stub: StubServer
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        stub = self.server.stub
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = json.loads(body)
        if message.get("method") == "tools/call":
            stub.open.wait(PATIENCE)
        status, result, connection = stub.answer(message, dict(self.headers.items()))
        self.send_response(status)
        if connection:
            self.send_header("Mcp-Session-Id", connection)
        if result is None:
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        text = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})
        if stub.form == "sse":
            # A note of the server comes first, and the answer in two lines.
            note = json.dumps({"jsonrpc": "2.0", "method": "notifications/message"})
            text = f": hello\r\n\r\nevent: message\r\ndata: {note}\r\n\r\ndata: {text}\n\n"
            self.send_header("Content-Type", "text/event-stream")
        else:
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self._write(text.encode(), stub)

    def _write(self, data: bytes, stub: StubServer) -> None:
        try:
            if not stub.drips:
                self.wfile.write(data)
                return
            stop = threading.Event()
            for byte in data:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                stop.wait(0.05)
        except OSError:
            # The client has lost its patience: that is what the test wants.
            pass

    def log_message(self, format: str, *args: object) -> None:
        pass
